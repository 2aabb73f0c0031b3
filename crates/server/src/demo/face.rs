//! How the demo tells what happens: a table in a terminal, lines anywhere else.

use std::time::Duration;

use reveille_api::v1::{
    WatchWakesRequest, WatchWakesResponse, wake_service_client::WakeServiceClient, watch_wakes_response::Kind,
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Channel};

use super::{Failure, board::Board, progress::Progress, screen::Screen};

/// Between two lines.
const TELL: Duration = Duration::from_secs(1);
/// Between two pictures of the table.
const DRAW: Duration = Duration::from_millis(200);

pub(super) enum Face {
    Lines,
    Table(Box<Table>),
}

/// A table, and what feeds it.
pub(super) struct Table {
    screen: Screen,
    board: Board,
    events: Streaming<WatchWakesResponse>,
}

impl Face {
    /// Says where the demo is and how to try it, as lines.
    pub(super) fn lines(progress: &Progress, title: &str, hint: &str) -> Self {
        progress.say(title);
        progress.say(hint);
        Self::Lines
    }

    /// Takes the terminal, and hears of all wakes from now on. `quit` is cancelled by whoever has seen enough.
    pub(super) async fn table(
        channel: Channel,
        title: String,
        hint: String,
        quit: CancellationToken,
    ) -> Result<Self, Failure> {
        let mut wakes = WakeServiceClient::new(channel);
        let events = wakes.watch_wakes(WatchWakesRequest::default()).await?.into_inner();
        let board = Board { title, hint, ..Board::default() };
        Ok(Self::Table(Box::new(Table { screen: Screen::open(quit)?, board, events })))
    }

    /// Tells until `stop`. A terminal is given back when this returns or is dropped.
    pub(super) async fn tell(self, progress: &Progress, stop: CancellationToken) -> Result<(), Failure> {
        match self {
            Self::Lines => {
                progress.tell(TELL, stop).await;
                Ok(())
            }
            Self::Table(table) => table.live(progress, stop).await,
        }
    }
}

impl Table {
    async fn live(mut self, progress: &Progress, stop: CancellationToken) -> Result<(), Failure> {
        let mut pictures = tokio::time::interval(DRAW);
        pictures.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                heard = self.events.message() => match heard? {
                    Some(WatchWakesResponse { kind: Some(Kind::Event(event)), .. }) => self.board.heard(&event),
                    Some(_) => {}
                    None => return Err("the service ended the stream of events".into()),
                },
                _ = pictures.tick() => {
                    self.board.channels = progress.channels().await?;
                    self.screen.draw(&mut self.board)?;
                }
            }
        }
    }
}
