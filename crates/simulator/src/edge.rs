//! Where the drivers read the clock and draw numbers; the machines are told both.

use std::time::SystemTime;

use model::Timestamp;
use rand::distr::{Distribution, StandardUniform};

#[expect(clippy::disallowed_methods, reason = "the drivers of simulated peers are an edge")]
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

#[expect(clippy::disallowed_methods, reason = "the drivers of simulated peers are an edge")]
pub(crate) fn random<T>() -> T
where
    StandardUniform: Distribution<T>,
{
    rand::random()
}
