//! A database for one case.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use push::Settings;
use sea_orm::{
    ConnectionTrait, Database as Connect, DatabaseConnection, DatabaseTransaction, QueryResult, Statement,
    TransactionTrait, TryGetable,
};
use store::{Key, OpenError, Retention, Store, schema_up};
use tempfile::TempDir;

use crate::cluster;

/// An empty database: no schema yet. All clones are the same one.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) key: Key,
    _home: Option<Arc<TempDir>>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let home = TempDir::new().unwrap();
        let url = format!("sqlite://{}", home.path().join("reveille.db").display());
        Self { url, key: Key::random().unwrap(), _home: Some(Arc::new(home)) }
    }

    /// None, loudly, if there is no PostgreSQL and none is demanded.
    pub(crate) async fn postgres() -> Option<Self> {
        static SHOUTED: OnceLock<()> = OnceLock::new();
        static CASES: AtomicU32 = AtomicU32::new(0);
        let server = match cluster::server() {
            Ok(server) => server,
            Err(missing) => {
                let asked = |name: &str, value: &str| std::env::var(name).is_ok_and(|it| it == value);
                let required = asked("REVEILLE_REQUIRE_POSTGRES", "1") || asked("CI", "true");
                assert!(!required, "PostgreSQL is required, but {missing}");
                SHOUTED.get_or_init(|| {
                    cluster::shout(&format!("SKIPPED: every case on PostgreSQL, because {missing}"));
                });
                return None;
            }
        };
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("reveille_test_{}_{case}", std::process::id());
        let admin = Connect::connect(server).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (host, _) = server.rsplit_once('/').unwrap();
        Some(Self { url: format!("{host}/{name}"), key: Key::random().unwrap(), _home: None })
    }

    /// Drops it. One that a case failed on stays, to be looked at.
    pub(crate) async fn discard(self) {
        let (_, name) = self.url.rsplit_once('/').unwrap();
        let admin = Connect::connect(cluster::server().unwrap()).await.unwrap();
        admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    }

    /// Brings the schema up to date and opens the store.
    pub(crate) async fn store(&self) -> Store {
        schema_up(&self.url).await.unwrap();
        self.open().await.unwrap()
    }

    /// Another process with the same database.
    pub(crate) async fn open(&self) -> Result<Store, OpenError> {
        self.open_with(self.key.clone()).await
    }

    pub(crate) async fn open_with(&self, key: Key) -> Result<Store, OpenError> {
        Store::open(&self.url, key, Settings::default(), Retention::default()).await
    }

    /// A connection that knows nothing of the store.
    pub(crate) async fn raw(&self) -> DatabaseConnection {
        Connect::connect(&self.url).await.unwrap()
    }

    /// All values of a binary column, as they lie in the database.
    pub(crate) async fn blobs(&self, table: &str, column: &str) -> Vec<Vec<u8>> {
        self.column(table, column).await
    }

    /// All values of a text column, as they lie in the database.
    pub(crate) async fn texts(&self, table: &str, column: &str) -> Vec<String> {
        self.column(table, column).await
    }

    /// Somebody else's transaction, which holds the rows that `sql` locks. None on SQLite: it has one writer at a time, and
    /// nobody to wait for.
    pub(crate) async fn hold(&self, sql: &str) -> Option<DatabaseTransaction> {
        if !self.url.starts_with("postgres") {
            return None;
        }
        let somebody = self.raw().await.begin().await.unwrap();
        somebody.execute_unprepared(sql).await.unwrap();
        Some(somebody)
    }

    /// Returns when one of the store's transactions waits for somebody else's row.
    pub(crate) async fn until_one_waits(&self) {
        let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.count(waiting).await == 0 {}
    }

    async fn column<T: TryGetable>(&self, table: &str, column: &str) -> Vec<T> {
        let sql = format!("SELECT {column} AS it FROM {table} WHERE {column} IS NOT NULL");
        let rows = self.query(&sql).await;
        rows.into_iter().map(|row| row.try_get("", "it").unwrap()).collect()
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let rows = self.query(&format!("SELECT count(*) AS it FROM {table}")).await;
        rows[0].try_get("", "it").unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.raw().await.execute_unprepared(sql).await.unwrap();
    }

    async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let raw = self.raw().await;
        raw.query_all_raw(Statement::from_string(raw.get_database_backend(), sql)).await.unwrap()
    }
}
