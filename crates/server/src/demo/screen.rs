//! The demo's face in a terminal: a table that lives. It is drawn where the lines would go, on the standard error.

use std::{
    io::{self, IsTerminal, Stderr},
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
        show_panics();
        std::thread::spawn(move || listen(&quit));
        Ok(Self { terminal, _given_back: given_back })
    }

    pub(super) fn draw(&mut self, board: &mut Board) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, board)).map(drop)
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

/// What a panic says would go away with the table.
fn show_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        hook(panic);
    }));
}

/// Until somebody wants to quit, or the demo ends.
fn listen(quit: &CancellationToken) {
    while !quit.is_cancelled() {
        match event::poll(LOOK).and_then(|there| there.then(event::read).transpose()) {
            Ok(Some(Event::Key(key))) => {
                let interrupt =
                    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                if interrupt || [KeyCode::Char('q'), KeyCode::Esc].contains(&key.code) {
                    quit.cancel();
                }
            }
            Ok(_) => {}
            // The terminal is gone: so is whoever could look at the table.
            Err(_) => quit.cancel(),
        }
    }
}
