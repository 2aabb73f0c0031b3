//! Repeats: of one warning or error, so many lines a minute are written. The next one tells how many were left out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{Event, Level, Metadata, Subscriber, callsite::Identifier};
use tracing_subscriber::layer::{Context, Filter};

/// Lines of one place in the code in one window.
const MOST: u32 = 20;
const WINDOW: Duration = Duration::from_mins(1);

/// What was written of late, by the place in the code that wrote it. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats(Arc<Mutex<HashMap<Identifier, Window>>>);

#[derive(Debug)]
struct Window {
    begun: Instant,
    written: u32,
    left_out: u64,
}

impl Repeats {
    fn admit(&self, place: Identifier, now: Instant) -> bool {
        let mut windows = self.windows();
        let window = windows.entry(place).or_insert(Window { begun: now, written: 0, left_out: 0 });
        if now.duration_since(window.begun) >= WINDOW {
            (window.begun, window.written) = (now, 0);
        }
        let admitted = window.written < MOST;
        window.written += u32::from(admitted);
        window.left_out += u64::from(!admitted);
        admitted
    }

    /// How many lines like this one were left out; told once.
    pub(crate) fn left_out(&self, line: &Event<'_>) -> Option<u64> {
        let mut windows = self.windows();
        let window = windows.get_mut(&line.metadata().callsite())?;
        Some(std::mem::take(&mut window.left_out)).filter(|count| *count > 0)
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<Identifier, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Filter<S> for Repeats {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        true
    }

    /// What is only told is told each time: a wake's end is no repeat of another's.
    fn event_enabled(&self, event: &Event<'_>, _context: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        *metadata.level() > Level::WARN || self.admit(metadata.callsite(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use tracing::Callsite;

    use super::*;

    fn place() -> Identifier {
        tracing::callsite!(name: "here", kind: tracing::metadata::Kind::EVENT, fields: message)
            .metadata()
            .callsite()
    }

    #[test]
    fn a_window_has_room_for_so_many_lines() {
        let (repeats, start, here) = (Repeats::default(), Instant::now(), place());
        let written = |at: Instant| (0..100).filter(|_| repeats.admit(here.clone(), at)).count();
        assert_eq!(written(start), MOST as usize);
        assert_eq!(written(start + WINDOW / 2), 0);
        assert_eq!(written(start + WINDOW), MOST as usize);
        assert_eq!(repeats.windows()[&here].left_out, 300 - 2 * u64::from(MOST));
    }
}
