//! What people see: on a terminal (a pseudo-terminal of util-linux's `script`), in a pipe, and when they leave.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
};

use simulator::wns::App;

use super::{NAME, NEVER, Place, Running, emulator, now, text};

const CTRL_C: &str = "\u{3}";
const TABLE_OPENS: &str = "\u{1b}[?1049h";
const TABLE_CLOSES: &str = "\u{1b}[?1049l";

/// A shell command on a terminal of 100 by 30, killed when it is dropped.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    output: mpsc::Receiver<String>,
    seen: String,
}

impl Terminal {
    fn open(mut command: Command, line: &str) -> Self {
        let line = format!("stty rows 30 cols 100; {line}");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command.env("TERM", "xterm").env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (keys, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length @ 1..) = out.read(&mut bytes) {
                // Nobody listens any more: the rest is read all the same.
                let _ = tell.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
        });
        Self { child, keys, output, seen: String::new() }
    }

    /// Waits until this is seen.
    fn shows(&mut self, words: &str) {
        let deadline = now() + NEVER;
        while !self.seen.contains(words) {
            let left = deadline.saturating_duration_since(now());
            let Ok(more) = self.output.recv_timeout(left) else {
                panic!("never showed {words:?}, but:\n{:?}", self.seen)
            };
            self.seen.push_str(&more);
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Everything that was seen until the command ended, and its exit status.
    fn end(mut self) -> (String, Option<i32>) {
        let status = self.child.wait().unwrap().code();
        while let Ok(more) = self.output.recv_timeout(NEVER) {
            self.seen.push_str(&more);
        }
        (std::mem::take(&mut self.seen), status)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `reveille` with these arguments, on a terminal.
fn on_terminal(place: &Place, arguments: &str) -> Terminal {
    let mut command = Command::new("script");
    command.current_dir(place.path()).env("REVEILLE_SERVER", format!("http://127.0.0.1:{}", place.grpc));
    Terminal::open(command, &format!("{} {arguments}", env!("CARGO_BIN_EXE_reveille")))
}

#[test]
fn the_demo_is_a_table_on_a_terminal_and_gives_the_terminal_back() {
    for keys in ["q", CTRL_C] {
        let line = format!("{} demo --devices 3; stty -a", env!("CARGO_BIN_EXE_reveille"));
        let mut terminal = Terminal::open(Command::new("script"), &line);
        terminal.shows(TABLE_OPENS);
        terminal.shows("pushed:");
        terminal.press(keys);
        let (seen, status) = terminal.end();
        assert_eq!(status, Some(0), "{seen:?}");
        let (_, after) = seen.split_once(TABLE_CLOSES).unwrap_or_else(|| panic!("the table stays: {seen:?}"));
        assert!(after.contains("devices: 3 live | wakes:"), "the summary is left: {after:?}");
        let modes: Vec<_> = after.split_whitespace().collect();
        for mode in ["icanon", "echo", "isig"] {
            assert!(modes.contains(&mode), "{mode} is not on again: {after:?}");
        }
    }
}

#[test]
fn the_demo_tells_in_lines_if_somebody_wants_that() {
    let line = format!("{} demo --devices 3 --exit --plain", env!("CARGO_BIN_EXE_reveille"));
    let (seen, status) = Terminal::open(Command::new("script"), &line).end();
    assert_eq!(status, Some(0), "{seen:?}");
    assert!(!seen.contains(TABLE_OPENS), "{seen:?}");
    // Scripts find the service by this line.
    for words in ["gRPC is at http://127.0.0.1:", ". Try:", "devices: 3 live | wakes: 3 asked"] {
        assert!(seen.contains(words), "{words:?} is not in {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_are_for_terminals_and_for_those_who_want_them() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    let green = "\u{1b}[32mlive\u{1b}[0m";
    let (seen, status) = on_terminal(&place, "devices list").end();
    assert!(status == Some(0) && seen.contains(green), "{seen:?}");
    let mut without = Command::new("script");
    without.env("NO_COLOR", "1").env("REVEILLE_SERVER", format!("http://127.0.0.1:{}", place.grpc));
    let (seen, _) =
        Terminal::open(without, &format!("{} devices list", env!("CARGO_BIN_EXE_reveille"))).end();
    assert!(seen.contains("live") && !seen.contains('\u{1b}'), "{seen:?}");
    let piped = place.run(&["devices", "list"]);
    assert!(text(&piped).contains("live") && !text(&piped).contains('\u{1b}'), "{}", text(&piped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_wake_sees_how_long() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    let (seen, status) = on_terminal(&place, &format!("wake {NAME} --wait --deadline 5s")).end();
    assert_eq!(status, Some(3), "{seen:?}");
    assert!(seen.contains("waiting for ") && seen.contains("at most 5.0 s: one push"), "{seen:?}");
    let (_, last) = seen.rsplit_once("\r\u{1b}[2K").unwrap();
    assert!(last.starts_with("Not answered: "), "the line is gone at the end: {seen:?}");
    let piped = place.run(&["wake", NAME, "--wait", "--deadline", "1s"]);
    assert!(!text(&piped).contains("waiting for"), "{}", text(&piped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_watched_is_shown_again() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    let watching = Running::start(place.command(&["devices", "list", "--watch=50ms"]));
    watching.says("NAME");
    place.create_device();
    assert!(watching.says(NAME).contains("unset"));
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    watching.says("live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_go_on_where_they_ended() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    let names = ["A", "B", "C"];
    for name in names {
        assert!(place.run(&["devices", "create", name, "--user", name]).status.success());
    }
    let listed = |arguments: &[&str]| {
        let output = place.run(&[&["devices", "list"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output));
        let out = String::from_utf8(output.stdout).unwrap();
        let names: Vec<_> =
            out.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        (names, String::from_utf8(output.stderr).unwrap())
    };
    let (first, more) = listed(&["--limit", "2"]);
    let (_, token) = more.split_once("--page-token ").unwrap_or_else(|| panic!("{more}"));
    let (rest, end) = listed(&["--page-token", token.split(' ').next().unwrap()]);
    let mut both = [first, rest].concat();
    both.sort();
    assert_eq!((both, end.as_str()), (names.map(str::to_owned).to_vec(), ""));
    assert_eq!(listed(&["--all"]).0.len(), 3);
    let json = |arguments: &[&str]| {
        let output = place.run(&[&["devices", "list", "--json"], arguments].concat());
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        listed.as_array().unwrap().len()
    };
    assert_eq!((json(&["--all"]), json(&["--limit", "1"]), json(&["--channel", "dead"])), (3, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_are_links_if_it_is_known_where_jaeger_is() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    let shown = |arguments: &[&str]| text(&place.run(arguments));
    let plain = shown(&["devices", "show", NAME]);
    let (_, id) = plain.split_once("trace of the newest session: ").unwrap_or_else(|| panic!("{plain}"));
    let id = id.trim();
    assert_eq!(id.len(), 32, "{plain}");
    let link = format!("trace of the newest session: https://jaeger.example/ui/trace/{id}");
    assert!(shown(&["devices", "show", NAME, "--jaeger", "https://jaeger.example/ui/"]).contains(&link));
    let woken =
        place.run(&["wake", NAME, "--wait", "--deadline", "1s", "--jaeger", "https://jaeger.example"]);
    assert!(text(&woken).contains("trace https://jaeger.example/trace/"), "{}", text(&woken));
}

#[test]
fn shells_can_complete() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = place.run(&["completions", shell]);
        assert!(output.status.success() && text(&output).contains("push-apps"), "{shell}: {}", text(&output));
    }
    place.write("completions.bash", &text(&place.run(&["completions", "bash"])));
    let sound = Command::new("bash").args(["-n", "completions.bash"]).current_dir(place.path()).status();
    assert!(sound.unwrap().success(), "bash can read it");
}

#[test]
fn check_says_which_addresses_are_free() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    let free = text(&place.run(&["check"]));
    for section in ["gateway", "grpc", "admin"] {
        let words = format!("({section}.listen) is free to be listened at");
        assert!(free.contains(&words), "{words:?} is not in:\n{free}");
    }
    let _service = place.serve();
    let taken = text(&place.run(&["check"]));
    assert!(taken.contains(&format!("127.0.0.1:{} (grpc.listen) is in use", place.grpc)), "{taken}");
}
