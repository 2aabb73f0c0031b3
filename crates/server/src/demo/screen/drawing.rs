//! How the table is drawn.

use ratatui::{
    Frame,
    layout::{Constraint, Direction, Layout, Rect},
    style::{Color, Style, Stylize},
    text::{Line, Span},
    widgets::{Bar, BarChart, BarGroup, Block, Paragraph, Wrap},
};
use reveille_api::v1::{ChannelState, WakeState};

use crate::{
    client::words,
    demo::board::{Board, Event},
    print::plain,
};

/// The rows of the upper panels, with their borders: nine bars.
const PANELS: u16 = 11;

/// The rows of the command to try, which may be longer than a line, and of the keys.
const HINT: u16 = 3;

pub(super) fn draw(frame: &mut Frame<'_>, board: &mut Board) {
    let rows =
        [Constraint::Length(1), Constraint::Length(PANELS), Constraint::Fill(1), Constraint::Length(HINT)];
    let [title, panels, events, hint] = Layout::vertical(rows).areas(frame.area());
    let columns = [Constraint::Length(24), Constraint::Length(24), Constraint::Fill(1)];
    let [devices, wakes, times] = Layout::horizontal(columns).areas(panels);
    frame.render_widget(Line::from(board.title.as_str()).bold(), title);
    frame.render_widget(counts("devices by channel", &devices_by_channel(board)), devices);
    frame.render_widget(counts("wakes by outcome", &wakes_by_outcome(board)), wakes);
    time_to_session(frame, board, times);
    last_events(frame, board, events);
    let keys = Line::from("q or Ctrl-C ends the demo").dim();
    let below = Paragraph::new(vec![Line::from(board.hint.as_str()), keys]);
    frame.render_widget(below.wrap(Wrap { trim: false }), hint);
}

fn devices_by_channel(board: &Board) -> Vec<(String, u64, Color)> {
    let colour = |state| match state {
        ChannelState::Live => Color::Green,
        ChannelState::Dead | ChannelState::Refused => Color::Red,
        _ => Color::Yellow,
    };
    let line = |(state, count): &(ChannelState, i64)| {
        (words::channel_state(*state), u64::try_from(*count).unwrap_or_default(), colour(*state))
    };
    board.channels.iter().map(line).collect()
}

fn wakes_by_outcome(board: &Board) -> Vec<(String, u64, Color)> {
    let wakes = board.wakes;
    [
        ("asked", wakes.asked, Color::Reset),
        ("live", wakes.live(), Color::Reset),
        ("answered", wakes.answered, Color::Green),
        ("unanswered", wakes.unanswered, Color::Yellow),
        ("failed", wakes.failed, Color::Red),
        ("cancelled", wakes.cancelled, Color::Reset),
    ]
    .map(|(name, count, colour)| (name.to_owned(), count, colour))
    .to_vec()
}

/// Names and numbers, one a line; what is nought is not coloured.
fn counts<'a>(title: &'a str, counts: &[(String, u64, Color)]) -> Paragraph<'a> {
    let line = |(name, count, colour): &(String, u64, Color)| {
        let style = if *count > 0 { Style::new().fg(*colour) } else { Style::new() };
        Line::styled(format!(" {name:<12}{count:>8}"), style)
    };
    Paragraph::new(counts.iter().map(line).collect::<Vec<_>>()).block(Block::bordered().title(title))
}

fn time_to_session(frame: &mut Frame<'_>, board: &mut Board, area: Rect) {
    let millis = board.quantiles();
    let title =
        format!("time to session: p50 {} ms, p99 {} ms, max {} ms", millis.p50, millis.p99, millis.max);
    let bar = |(name, count): (String, u64)| {
        Bar::default().label(Line::from(format!("{name:>8}"))).value(count).text_value(count.to_string())
    };
    let bars: Vec<_> = board.times().into_iter().map(bar).collect();
    let chart = BarChart::default()
        .block(Block::bordered().title(title))
        .direction(Direction::Horizontal)
        .bar_width(1)
        .bar_gap(0)
        .bar_style(Style::new().fg(Color::Cyan))
        .value_style(Style::new().fg(Color::Cyan).reversed())
        .data(BarGroup::default().bars(&bars));
    frame.render_widget(chart, area);
}

fn last_events(frame: &mut Frame<'_>, board: &Board, area: Rect) {
    let block = Block::bordered().title("last events");
    let fit = usize::from(block.inner(area).height);
    let lines: Vec<_> = board.events.iter().rev().take(fit).map(event).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn event(event: &Event) -> Line<'static> {
    let colour = match event.ended {
        Some(WakeState::Answered) => Color::Green,
        Some(WakeState::Failed) => Color::Red,
        Some(_) => Color::Yellow,
        None => Color::Reset,
    };
    let when = Span::from(format!(" {}  {}  ", event.time, plain(&event.device))).dim();
    Line::from(vec![when, Span::styled(plain(&event.what), colour)])
}

#[cfg(test)]
mod tests;
