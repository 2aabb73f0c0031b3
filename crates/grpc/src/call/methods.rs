//! The methods that are known by name.

use std::{collections::BTreeSet, sync::Arc};

use prost::Message;
use prost_types::FileDescriptorSet;

/// The methods of contracts, as `package.Service/Method`. Callers could make up as many others as they like: none of those
/// names a metric or a span.
#[derive(Debug)]
pub(crate) struct Methods(BTreeSet<Arc<str>>);

impl Methods {
    /// The methods of these descriptor sets.
    pub(crate) fn of(contracts: &[&[u8]]) -> Result<Self, prost::DecodeError> {
        let mut methods = BTreeSet::new();
        for contract in contracts {
            for file in FileDescriptorSet::decode(*contract)?.file {
                let package = file.package();
                for service in &file.service {
                    for method in &service.method {
                        let path = format!("{package}.{}/{}", service.name(), method.name());
                        methods.insert(path.into());
                    }
                }
            }
        }
        Ok(Self(methods))
    }

    /// The method at the path of a request.
    pub(crate) fn at(&self, path: &str) -> Option<&Arc<str>> {
        self.0.get(path.trim_start_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_methods_of_the_contract_and_of_health() {
        let contracts = [reveille_api::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
        let methods = Methods::of(&contracts).unwrap();
        for known in ["/reveille.v1.WakeService/Wake", "/grpc.health.v1.Health/Check"] {
            assert!(methods.at(known).is_some(), "{known} is not in {methods:?}");
        }
        assert_eq!(methods.at("/reveille.v1.WakeService/Sleep"), None);
    }
}
