//! A PostgreSQL that lives as long as the test binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// Makes a cluster, says so, and tears it down at the end of its input: however the tests end, nothing stays behind.
const SCRIPT: &str = r#"
cd "$1" || exit 1
initdb="$3/initdb"
init() { "$initdb" -D data -U postgres -A trust -E UTF8 --no-sync "$@"; }
# A language of its own, where it is known: lists must not depend on it.
{ init --locale-provider=icu --icu-locale=en-US || { rm -rf data; init; }; } >init.log 2>&1
options="-p $2 -k $1 -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
if "$3/pg_ctl" -D data -w -l server.log -o "$options" start >start.log 2>&1
then echo ready
else cat init.log start.log server.log
fi
cat >/dev/null
"$3/pg_ctl" -D data -m immediate -w stop >/dev/null 2>&1
cd / && rm -rf "$1"
"#;

struct Cluster {
    url: String,
    /// The cluster is torn down when its input closes, which the system does when this process ends.
    _shell: Child,
}

/// The server's URL, or what is missing.
pub(crate) fn server() -> Result<&'static str, &'static str> {
    static CLUSTER: OnceLock<Result<Cluster, &'static str>> = OnceLock::new();
    static GIVEN: OnceLock<Option<String>> = OnceLock::new();
    if let Some(url) = GIVEN.get_or_init(|| std::env::var("REVEILLE_TEST_POSTGRES").ok()) {
        return Ok(url);
    }
    match CLUSTER.get_or_init(start) {
        Ok(cluster) => Ok(&cluster.url),
        Err(missing) => Err(missing),
    }
}

fn start() -> Result<Cluster, &'static str> {
    let programs =
        programs().ok_or("neither REVEILLE_TEST_POSTGRES nor initdb (the package postgresql) is there")?;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = tempfile::Builder::new().prefix("reveille-pg").tempdir().unwrap().keep();
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).arg(&home).arg(port.to_string()).arg(programs);
    if whoami("-u", None) == Some(0) {
        // PostgreSQL refuses to run as root.
        let ids = (whoami("-u", Some("postgres")), whoami("-g", Some("postgres")));
        let (Some(uid), Some(gid)) = ids else { return Err("there is no user postgres to run it as") };
        chown(&home, Some(uid), Some(gid)).unwrap();
        shell.uid(uid).gid(gid);
    }
    // A group of its own, so that what interrupts the tests does not interrupt the tearing down.
    let mut child = shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    if first.trim() != "ready" {
        drop(child.stdin.take());
        lines.read_to_string(&mut first).unwrap();
        child.wait().unwrap();
        panic!("PostgreSQL does not start: {first}");
    }
    Ok(Cluster { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), _shell: child })
}

/// The directory of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let has_initdb = |dir: &PathBuf| dir.join("initdb").exists() && dir.join("pg_ctl").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<_> =
        Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten().collect();
    versions.sort_by_key(std::fs::DirEntry::file_name);
    let debian = versions.into_iter().rev().map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(debian).find(has_initdb)
}

fn whoami(what: &str, user: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(what).args(user).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Says so where the test harness does not swallow it.
pub(crate) fn shout(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
