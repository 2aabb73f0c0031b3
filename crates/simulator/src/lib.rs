//! Simulated devices and an emulated WNS.
