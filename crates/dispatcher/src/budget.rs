//! How many sessions bulk wakes may cause (DESIGN §5).

use model::Timestamp;

/// A bucket that fills by so many a second, up to one second's worth.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    per_second: u32,
    left: f64,
    filled_at: Timestamp,
}

impl Budget {
    pub(crate) fn new(per_second: u32, now: Timestamp) -> Self {
        Self { per_second, left: f64::from(per_second), filled_at: now }
    }

    /// How many may go now.
    pub(crate) fn room(&mut self, now: Timestamp) -> u32 {
        if self.per_second == 0 {
            return u32::MAX;
        }
        let most = f64::from(self.per_second);
        self.left = (self.left + now.since(self.filled_at).as_secs_f64() * most).min(most);
        self.filled_at = self.filled_at.max(now);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to per_second")]
        {
            self.left as u32
        }
    }

    /// So many go.
    pub(crate) fn spend(&mut self, count: u32) {
        self.left = (self.left - f64::from(count)).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fills_by_the_second() {
        let start = Timestamp::EPOCH + Duration::from_secs(100);
        let mut budget = Budget::new(10, start);
        assert_eq!(budget.room(start), 10);
        budget.spend(10);
        assert_eq!(budget.room(start), 0);
        assert_eq!(budget.room(start + Duration::from_millis(250)), 2);
        assert_eq!(budget.room(start + Duration::from_mins(1)), 10, "no more than a second's worth");
        assert_eq!(Budget::new(0, start).room(start), u32::MAX);
    }
}
