//! Every metric with its name, labels and help, registered once.

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry,
    core::Collector,
    process_collector::ProcessCollector,
    proto::{MetricFamily, MetricType},
};

/// Seconds of what takes from a millisecond to a timeout.
pub(super) const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The values of no labels.
pub(super) const PLAIN: &[&str] = &[];

/// What a metric is called.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// A metric, as it is told of in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name, with its unit at the end.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// What it tells.
    pub help: String,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It only rises.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Counts by size, with their sum.
    Histogram,
}

/// Where metrics are registered.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    registry: Registry,
    listed: Vec<Listed>,
}

impl Catalogue {
    pub(super) fn counters(&mut self, name: &Family) -> IntCounterVec {
        let vec = IntCounterVec::new(Opts::new(name.name, name.help), name.labels).expect(WELL_FORMED);
        self.add(name, Kind::Counter, vec)
    }

    pub(super) fn gauges(&mut self, name: &Family) -> GaugeVec {
        let vec = GaugeVec::new(Opts::new(name.name, name.help), name.labels).expect(WELL_FORMED);
        self.add(name, Kind::Gauge, vec)
    }

    pub(super) fn histograms(&mut self, name: &Family, buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::new(name.name, name.help).buckets(buckets.to_vec());
        let vec = HistogramVec::new(options, name.labels).expect(WELL_FORMED);
        self.add(name, Kind::Histogram, vec)
    }

    /// Adds what is the same for any process: its version, its memory, its files, its time.
    pub(super) fn of_the_process(mut self) -> Self {
        self.gauges(&BUILD_INFO).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        let process = ProcessCollector::for_self();
        for family in process.collect() {
            let kind = match family.get_field_type() {
                MetricType::COUNTER => Kind::Counter,
                _ => Kind::Gauge,
            };
            let (name, help) = (family.name().to_owned(), family.help().to_owned());
            self.listed.push(Listed { name, kind, labels: Vec::new(), help });
        }
        self.registry.register(Box::new(process)).expect(WELL_FORMED);
        self
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    pub(super) fn listed(&self) -> Vec<Listed> {
        let mut listed = self.listed.clone();
        listed.sort();
        listed
    }

    fn add<C: Collector + Clone + 'static>(&mut self, name: &Family, kind: Kind, vec: C) -> C {
        self.registry.register(Box::new(vec.clone())).expect(WELL_FORMED);
        self.listed.push(Listed {
            name: name.name.to_owned(),
            kind,
            labels: name.labels.iter().map(|&label| label.to_owned()).collect(),
            help: name.help.to_owned(),
        });
        vec
    }
}

/// Names are constants, and each test that looks at a metric registers all of them.
const WELL_FORMED: &str = "names of metrics are well formed, and each is registered once";

const BUILD_INFO: Family = Family {
    name: "reveille_build_info",
    labels: &["version"],
    help: "The version that is running; always 1.",
};
