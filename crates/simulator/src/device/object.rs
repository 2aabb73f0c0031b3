//! Large objects that come in chunks (oma-dm.md §6).

use std::fmt;

use syncml::{Item, Meta};

use super::profile::LargeObjects;

const BUFFERED: u16 = 213;
const NOT_SUPPORTED: u16 = 406;
const SIZE_REQUIRED: u16 = 411;
const TOO_BIG: u16 = 416;
const SIZE_MISMATCH: u16 = 424;

/// The object that is being received, if one is: there is one at a time.
#[derive(Clone, Default)]
pub(super) struct Incoming {
    object: Option<Object>,
    /// An object was cut off by another Item.
    interrupted: bool,
}

#[derive(Clone)]
struct Object {
    verb: &'static str,
    uri: String,
    size: usize,
    data: String,
}

/// What an Item is.
pub(super) enum Arrival {
    /// All that there is: the value.
    Whole(String),
    /// A chunk, or an object that is not taken; its status.
    Part(u16),
}

impl Incoming {
    /// Takes one Item of a command; the command's own Meta counts for all of its Items.
    pub(super) fn take(
        &mut self,
        verb: &'static str,
        item: &Item<'_>,
        meta: Option<&Meta<'_>>,
        support: LargeObjects,
    ) -> Arrival {
        let uri = item.target.as_ref().map_or("", |target| &*target.uri);
        let goes_on = self.object.as_ref().is_some_and(|object| object.verb == verb && object.uri == uri);
        if !goes_on && self.object.take().is_some() {
            self.interrupted = true;
        }
        match (self.object.take(), item.more_data) {
            (None, false) => Arrival::Whole(item.value().to_owned()),
            (None, true) => self.begin(verb, uri, item, meta, support),
            (Some(object), more) => self.go_on(object, item.value(), more),
        }
    }

    /// Whether a chunk was taken, and the next one is to be asked for.
    pub(super) fn wants_more(&self) -> bool {
        self.object.is_some()
    }

    /// Whether an object was cut off by another Item since this was asked last.
    pub(super) fn was_interrupted(&mut self) -> bool {
        std::mem::take(&mut self.interrupted)
    }

    fn begin(
        &mut self,
        verb: &'static str,
        uri: &str,
        item: &Item<'_>,
        meta: Option<&Meta<'_>>,
        support: LargeObjects,
    ) -> Arrival {
        let LargeObjects::Taken { max } = support else { return Arrival::Part(NOT_SUPPORTED) };
        let metas = [item.meta.as_ref(), meta];
        let size = metas.into_iter().flatten().find_map(|meta| meta.size.as_deref()?.trim().parse().ok());
        match size {
            None => Arrival::Part(SIZE_REQUIRED),
            Some(size) if size > max => Arrival::Part(TOO_BIG),
            Some(size) => {
                let data = item.value().to_owned();
                self.object = Some(Object { verb, uri: uri.to_owned(), size, data });
                Arrival::Part(BUFFERED)
            }
        }
    }

    fn go_on(&mut self, mut object: Object, chunk: &str, more: bool) -> Arrival {
        object.data.push_str(chunk);
        let (has, size) = (object.data.len(), object.size);
        match more {
            _ if has > size => Arrival::Part(SIZE_MISMATCH),
            true => {
                self.object = Some(object);
                Arrival::Part(BUFFERED)
            }
            false if has == size => Arrival::Whole(object.data),
            false => Arrival::Part(SIZE_MISMATCH),
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = self.object.as_ref().map(|object| (object.data.len(), object.size));
        f.debug_struct("Incoming").field("has", &has).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use syncml::{Data, Location};

    use super::*;

    /// Node, data, `Size`, `MoreData`, and what comes of it: a status, or the value.
    type Row = (&'static str, &'static str, Option<&'static str>, bool, Result<&'static str, u16>);

    fn play(support: LargeObjects, rows: &[Row]) -> bool {
        let mut incoming = Incoming::default();
        for (uri, data, size, more_data, expect) in rows {
            let item = Item {
                target: Some(Location::new(*uri)),
                meta: size.map(|size| Meta { size: Some(size.into()), ..Meta::default() }),
                data: Some(Data::text(*data)),
                more_data: *more_data,
                ..Item::default()
            };
            let arrival = match incoming.take("Add", &item, None, support) {
                Arrival::Whole(value) => Ok(value),
                Arrival::Part(code) => Err(code),
            };
            assert_eq!(arrival.as_deref().map_err(|code| *code), *expect, "{uri} {data}");
        }
        incoming.was_interrupted()
    }

    #[test]
    fn chunks_become_an_object() {
        let taken = LargeObjects::Taken { max: 20 };
        let whole =
            [("./A", "01234", Some("10"), true, Err(213)), ("./A", "56789", None, false, Ok("0123456789"))];
        assert!(!play(taken, &whole));
        assert!(!play(
            taken,
            &[("./A", "0", Some("10"), true, Err(213)), ("./A", "1", None, false, Err(424))]
        ));
        assert!(!play(
            taken,
            &[("./A", "0", Some("1"), true, Err(213)), ("./A", "12", None, true, Err(424))]
        ));
        assert!(!play(taken, &[("./A", "0", None, true, Err(411))]));
        assert!(!play(taken, &[("./A", "0", Some("21"), true, Err(416))]));
        assert!(!play(LargeObjects::Refused, &[("./A", "0", Some("10"), true, Err(406))]));
    }

    #[test]
    fn another_item_cuts_an_object_off() {
        let rows = [("./A", "01234", Some("10"), true, Err(213)), ("./B", "x", None, false, Ok("x"))];
        assert!(play(LargeObjects::Taken { max: 20 }, &rows));
    }
}
