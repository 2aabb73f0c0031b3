//! Opening the database: its key, its schema, then itself.

use std::path::Path;

use secrecy::ExposeSecret;
use store::{Key, OpenError, Store};

use crate::{
    config::{Config, Engine, KeySource, StoreConfig},
    failure::Failure,
};

/// Opens the store. SQLite is migrated here; PostgreSQL must be up to date.
pub(crate) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let url = config.store.url.expose_secret();
    let key = key(&config.store)?;
    if let Engine::Sqlite(_) = config.store.engine {
        store::schema_up(url).await.map_err(|error| unavailable(&config.store, &error))?;
    }
    let retention = config.store.retention;
    Store::open(url, key, config.push.clone(), retention).await.map_err(|error| failure(config, error))
}

/// Why the database cannot be opened, and what to look at.
pub(crate) fn failure(config: &Config, error: OpenError) -> Failure {
    match error {
        OpenError::WrongKey { .. } => Failure::configuration(format!(
            "{}. store.key ({}) must be the key that this database was made with.",
            capital(&error.to_string()),
            config.store.key.place(),
        )),
        OpenError::Outdated(_) => Failure::new(format!("{}.", capital(&error.to_string()))),
        OpenError::Database(error) => unavailable(&config.store, &error),
    }
}

/// The key. It is made only together with a new SQLite database: for one that exists, another key is no use.
pub(crate) fn key(store: &StoreConfig) -> Result<Key, Failure> {
    let path = match &store.key {
        KeySource::Given(key) => return Ok(key.clone()),
        KeySource::File(path) => path,
    };
    let key = match &store.engine {
        _ if path.exists() => Key::read(path),
        Engine::Sqlite(database) if !database.exists() => {
            directory_of(database)?;
            Key::create(path)
        }
        engine => return Err(missing(path, engine)),
    };
    key.map_err(|error| Failure::configuration(format!("store.key cannot be used: {error}.")))
}

/// The database cannot be used, and what to look at.
pub(crate) fn unavailable(store: &StoreConfig, error: &store::Error) -> Failure {
    let hint = match &store.engine {
        Engine::Sqlite(path) => format!("Is {} a file that this process may write?", path.display()),
        Engine::Postgres => {
            "Does store.url name a PostgreSQL server that is up, and a user that may log in?".into()
        }
    };
    Failure::new(format!("{}. {hint}", capital(&error.to_string())))
}

fn missing(path: &Path, engine: &Engine) -> Failure {
    let path = path.display();
    Failure::configuration(match engine {
        Engine::Sqlite(database) => format!(
            "The key file {path} (store.key) is missing, but the database {} exists: put back the key that it was \
             made with. Without it, what is sealed there is lost.",
            database.display(),
        ),
        Engine::Postgres => format!(
            "The key file {path} (store.key) is missing. For a new database make one with `openssl rand -base64 32 > \
             {path}`; for one that exists, put back its key. All replicas use the same.",
        ),
    })
}

fn directory_of(database: &Path) -> Result<(), Failure> {
    match database.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
        None => Ok(()),
        Some(parent) => Err(Failure::configuration(format!(
            "store.url names the directory {}, which does not exist: make it.",
            parent.display()
        ))),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

#[cfg(test)]
mod tests;
