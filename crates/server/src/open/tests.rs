use std::{fs, path::PathBuf};

use store::Retention;

use super::*;

fn settings(directory: &Path, engine: Engine) -> StoreConfig {
    StoreConfig {
        url: format!("sqlite://{}", directory.join("reveille.db").display()).into(),
        engine,
        key: KeySource::File(directory.join("reveille.key")),
        retention: Retention::default(),
    }
}

fn sqlite(directory: &Path) -> StoreConfig {
    settings(directory, Engine::Sqlite(directory.join("reveille.db")))
}

#[test]
fn a_key_is_made_with_a_new_database_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = sqlite(directory.path());
    let file = directory.path().join("reveille.key");
    key(&store).unwrap();
    let made = fs::read(&file).unwrap();
    key(&store).unwrap();
    assert_eq!(fs::read(&file).unwrap(), made, "it is kept");
    fs::write(directory.path().join("reveille.db"), "").unwrap();
    fs::remove_file(&file).unwrap();
    let error = key(&store).unwrap_err();
    assert!(error.to_string().contains("reveille.key (store.key) is missing"), "{error}");
    assert_eq!(format!("{:?}", error.exit_code()), format!("{:?}", std::process::ExitCode::from(64)));
    assert!(!file.exists());
}

#[test]
fn postgres_never_gets_a_new_key() {
    let directory = tempfile::tempdir().unwrap();
    let error = key(&settings(directory.path(), Engine::Postgres)).unwrap_err();
    assert!(error.to_string().contains("openssl rand -base64 32"), "{error}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let store = settings(Path::new("."), Engine::Sqlite(PathBuf::from("/nowhere/at/all/reveille.db")));
    let store = StoreConfig { key: KeySource::File("/nowhere/at/all/reveille.key".into()), ..store };
    let error = key(&store).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}
