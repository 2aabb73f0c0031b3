//! The demo's face in a terminal: a table that lives. It is drawn where the lines would go, on the standard error.

use std::{
    io::{self, IsTerminal, Stderr},
    thread::JoinHandle,
    time::Duration,
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, Event, KeyCode, KeyModifiers},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};
use tokio_util::sync::CancellationToken;

use super::board::Board;
use crate::print::is_steerable;

mod drawing;

use drawing::draw;

/// How often it is looked whether the keys are listened to any more.
const LOOK: Duration = Duration::from_millis(100);

/// A terminal that the table has for itself, until this is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    keys: Keys,
    /// Dropped after the terminal, which only shows the cursor again.
    _given_back: GiveBack,
}

/// Whether there is a terminal to draw on, and to read keys from.
pub(super) fn is_possible() -> bool {
    is_steerable(&io::stderr()) && io::stdin().is_terminal()
}

impl Screen {
    /// Takes the terminal. `quit` is cancelled by q, Esc and Ctrl-C, which is no signal any more.
    pub(super) fn open(quit: CancellationToken) -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on it is given back, whatever happens.
        let given_back = GiveBack;
        execute!(io::stderr(), EnterAlternateScreen)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
        show_panics(quit.clone());
        Ok(Self { terminal, keys: Keys::listen(quit), _given_back: given_back })
    }

    pub(super) fn draw(&mut self, board: &mut Board) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, board)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // What is typed from now on is for whoever has the terminal next.
        self.keys.stop();
    }
}

/// A thread that listens to the keys.
struct Keys {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    fn listen(quit: CancellationToken) -> Self {
        let stop = quit.child_token();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.is_cancelled() {
                if is_to_quit() {
                    quit.cancel();
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Returns when nobody listens any more.
    fn stop(&mut self) {
        self.stop.cancel();
        // A thread that panicked does not listen either.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Whether the next key says so; false if there is none for a while.
fn is_to_quit() -> bool {
    match event::poll(LOOK).and_then(|there| there.then(event::read).transpose()) {
        Ok(Some(Event::Key(key))) => {
            let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            interrupt || [KeyCode::Char('q'), KeyCode::Esc].contains(&key.code)
        }
        Ok(_) => false,
        // The terminal is gone: so is whoever could look at the table.
        Err(_) => true,
    }
}

/// Gives the terminal back when it is dropped.
struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was. What fails here failed for a terminal that is gone.
fn give_back() {
    let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// What a panic says would go away with the table, so the table goes.
fn show_panics(quit: CancellationToken) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        quit.cancel();
        give_back();
        hook(panic);
    }));
}
