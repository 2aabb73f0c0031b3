//! The loops: due summonses into pushes, pushes into verdicts.
