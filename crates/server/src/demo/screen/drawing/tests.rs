use prost_types::{Duration, Timestamp};
use ratatui::{Terminal, backend::TestBackend};
use reveille_api::v1::{Push, PushVerdict, Wake, WakeAnswer, WakeEndReason, WakeEvent, WakeEventType};

use super::*;

fn event(kind: WakeEventType, wake: Wake) -> WakeEvent {
    let time = Some(Timestamp { seconds: 3_661, nanos: 5 });
    let wake = Wake { device_name: "DEMO1".into(), ..wake };
    WakeEvent { r#type: kind.into(), time, wake: Some(wake), ..WakeEvent::default() }
}

fn answered(millis: i32) -> Wake {
    let answer = WakeAnswer {
        session_id: "S".into(),
        time_to_session: Some(Duration { seconds: 0, nanos: millis * 1_000_000 }),
        ..WakeAnswer::default()
    };
    Wake { state: WakeState::Answered.into(), answer: Some(answer), ..Wake::default() }
}

/// A board on which something happened.
fn board() -> Board {
    let mut board = Board {
        title: "Reveille's demo".into(),
        hint: "reveille wake DEMO1 --wait".into(),
        channels: vec![(ChannelState::Live, 48), (ChannelState::Pending, 2)],
        ..Board::default()
    };
    for _ in 0..4 {
        board.heard(&event(WakeEventType::Asked, Wake::default()));
    }
    let push = Push { verdict: PushVerdict::Sent.into(), ..Push::default() };
    board.heard(&WakeEvent { push: Some(push), ..event(WakeEventType::Pushed, Wake::default()) });
    board.heard(&event(WakeEventType::Ended, answered(30)));
    board.heard(&event(WakeEventType::Ended, answered(420)));
    let nobody_came = Wake {
        state: WakeState::Unanswered.into(),
        end_reason: WakeEndReason::NoSession.into(),
        ..Wake::default()
    };
    board.heard(&event(WakeEventType::Ended, nobody_came));
    board
}

fn drawn(board: &mut Board, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, board)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_table_shows_devices_wakes_times_and_events() {
    let drawn = drawn(&mut board(), 100, 24);
    for words in [
        "Reveille's demo",
        "│ live              48 │",
        "│ pending            2 │",
        "│ asked              4 │",
        "│ live               1 │",
        "│ answered           2 │",
        "│ unanswered         1 │",
        "time to session: p50 30 ms, p99 420 ms, max 420 ms",
        " < 50 ms 1",
        "< 500 ms 1",
        " 01:01:01  DEMO1  pushed: sent",
        " 01:01:01  DEMO1  answered after 30 ms by session S",
        "reveille wake DEMO1 --wait",
        "q or Ctrl-C ends the demo",
    ] {
        assert!(drawn.contains(words), "{words:?} is not in:\n{drawn}");
    }
}

#[test]
fn the_newest_event_is_on_top_and_old_ones_make_room() {
    let mut board = board();
    let wake = Wake { device_name: String::new(), ..Wake::default() };
    for _ in 0..1_000 {
        board.heard(&event(WakeEventType::Asked, wake.clone()));
    }
    board.heard(&event(WakeEventType::Ended, answered(30)));
    assert_eq!(board.events.len(), 200);
    let drawn = drawn(&mut board, 100, 24);
    let first = drawn.lines().skip_while(|line| !line.contains("last events")).nth(1).unwrap();
    assert!(first.contains("answered after 30 ms"), "{drawn}");
}

#[test]
fn the_command_to_try_is_whole_on_a_terminal_of_80_columns() {
    for server in [crate::cli::DEFAULT_SERVER, "http://127.0.0.1:65535"] {
        let hint = crate::demo::hint("DEMO0000000000000000000000000001", server);
        let drawn = drawn(&mut Board { hint: hint.clone(), ..Board::default() }, 80, 24);
        for word in hint.split_whitespace().chain(["q or Ctrl-C ends the demo"]) {
            assert!(drawn.contains(word), "{word:?} is not in:\n{drawn}");
        }
    }
}

#[test]
fn a_small_terminal_is_no_reason_to_panic() {
    for (width, height) in [(1, 1), (20, 5), (79, 12)] {
        drawn(&mut board(), width, height);
    }
}

#[test]
fn what_devices_call_themselves_does_not_steer_the_terminal() {
    let mut board = Board::default();
    let wake = Wake { device_name: "\u{1b}[31mred".into(), ..Wake::default() };
    board.heard(&WakeEvent { wake: Some(wake), ..WakeEvent::default() });
    assert!(!drawn(&mut board, 80, 24).contains('\u{1b}'));
}
