//! `migrate …`

use secrecy::ExposeSecret;

use crate::{
    cli::MigrateCommand,
    config::{Config, Engine},
    failure::Outcome,
    open, print,
};

pub(crate) async fn run(config: &Config, command: MigrateCommand) -> Outcome {
    let url = config.store.url.expose_secret();
    let failed = |error| open::unavailable(&config.store, &error);
    match command {
        MigrateCommand::Up => {
            if let Engine::Sqlite(_) = config.store.engine {
                // A new database is made here, and its key with it.
                open::key(&config.store)?;
            }
            let before = store::schema_status(url).await.map_err(failed)?.pending.len();
            store::schema_up(url).await.map_err(failed)?;
            print::line(match before {
                0 => "The schema was up to date.".into(),
                changes => format!("The schema is up to date: {changes} change(s) were added."),
            })
        }
        MigrateCommand::Down if !is_there(config) => status(config).await,
        MigrateCommand::Down => {
            store::schema_down(url).await.map_err(failed)?;
            status(config).await
        }
        MigrateCommand::Status => status(config).await,
    }
}

async fn status(config: &Config) -> Outcome {
    if !is_there(config) {
        return print::line("There is no database yet: `reveille serve` and `reveille migrate up` make it.");
    }
    let status = store::schema_status(config.store.url.expose_secret()).await;
    let status = status.map_err(|error| open::unavailable(&config.store, &error))?;
    let applied = status.applied.iter().map(|name| format!("applied  {name}"));
    let pending = status.pending.iter().map(|name| format!("pending  {name}"));
    for line in applied.chain(pending) {
        print::line(line)?;
    }
    match status.pending.len() {
        0 => print::line("The schema is up to date."),
        missing => print::line(format!("The schema lacks {missing} change(s): run `reveille migrate up`.")),
    }
}

/// SQLite would make an empty file to look into.
fn is_there(config: &Config) -> bool {
    match &config.store.engine {
        Engine::Sqlite(path) => path.exists(),
        Engine::Postgres => true,
    }
}
