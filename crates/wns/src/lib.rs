//! The WNS client: access tokens and raw push.
