//! Large objects of a device, put together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use syncml::{Alert, Command, Item, Message, Meta};

use super::name::{Name, Refs};
use crate::alert;

/// What became of a device's large objects between two messages: one that is not whole yet, and
/// those that never will be.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Incoming {
    collecting: Option<Collecting>,
    dropped: Vec<Dropped>,
}

/// An object of which some pieces came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Collecting {
    of: Name,
    kind: Option<String>,
    size: usize,
    text: String,
}

/// An object whose other pieces are answered with a code: its last one must not pass for a whole value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Dropped {
    of: Name,
    code: u16,
}

/// The large objects of one message.
#[derive(Default)]
pub(crate) struct Pieces {
    /// What each item is that is not whole by itself, by the places of its command and of itself.
    of: BTreeMap<(usize, usize), Piece>,
    /// The codes of commands whose pieces decide about them.
    codes: BTreeMap<usize, u16>,
    /// The nodes of objects that another item cut off.
    pub(crate) cut_off: Vec<Option<String>>,
    /// What goes on in the next message.
    pub(crate) incoming: Incoming,
    limit: usize,
}

enum Piece {
    /// Part of an object that is not whole yet, or never will be.
    Part,
    Last(Whole),
}

/// An object that is whole.
pub(crate) struct Whole {
    /// The type that its first piece told.
    pub(crate) kind: Option<String>,
    pub(crate) text: String,
}

const BUFFERED: u16 = 213;
const BAD_REQUEST: u16 = 400;
const SIZE_REQUIRED: u16 = 411;
const INCOMPLETE: u16 = 412;
const TOO_BIG: u16 = 416;
const SIZE_MISMATCH: u16 = 424;

impl Pieces {
    /// Puts a message's pieces to those that came before. No object may be longer than `limit` bytes.
    pub(crate) fn of(message: &Message<'_>, incoming: Incoming, limit: usize) -> Self {
        let mut pieces = Self { incoming, limit, ..Self::default() };
        for (place, command) in message.commands.iter().enumerate() {
            let Some((refs, meta, items)) = carried(command) else { continue };
            for (index, item) in items.iter().enumerate() {
                pieces.item((place, index), refs, meta, item);
            }
        }
        pieces
    }

    fn item(&mut self, at: (usize, usize), refs: Refs<'_>, meta: Option<&Meta<'_>>, item: &Item<'_>) {
        if let Some(code) = refs.refused(item.uri()) {
            self.cut_off();
            return self.drop(at, code);
        }
        if !item.more_data && self.incoming.is_empty() {
            return;
        }
        let of = Name::new(refs, item.uri());
        let size = item.meta.as_ref().and_then(|meta| meta.size.as_deref());
        let size = size.or(meta.and_then(|meta| meta.size.as_deref()));
        let size: Option<usize> = size.and_then(|size| size.trim().parse().ok());
        if let Some(earlier) = self.incoming.collecting.take_if(|earlier| earlier.goes_on(&of, size)) {
            self.append(at, earlier, item);
        } else if let Some(code) = self.incoming.code_of_rest(&of, size, item.more_data) {
            self.drop(at, code);
        } else {
            self.cut_off();
            if item.more_data {
                self.begin(at, of, size, item);
            }
        }
    }

    /// Something else comes before the end of an object.
    fn cut_off(&mut self) {
        if let Some(earlier) = self.incoming.collecting.take() {
            self.cut_off.push(earlier.of.uri().map(str::to_owned));
            self.incoming.forgo(earlier.of, INCOMPLETE);
        }
    }

    fn begin(&mut self, at: (usize, usize), of: Name, size: Option<usize>, item: &Item<'_>) {
        let code = match size {
            None => SIZE_REQUIRED,
            Some(size) if size > self.limit => TOO_BIG,
            Some(_) if item.kind().is_some_and(|kind| kind.len() > LONGEST_KIND) => BAD_REQUEST,
            Some(size) => {
                self.incoming.dropped.retain(|dropped| !dropped.of.is_same(&of));
                let kind = item.kind().map(str::to_owned);
                return self.append(at, Collecting { of, kind, size, text: String::new() }, item);
            }
        };
        self.incoming.forgo(of, code);
        self.drop(at, code);
    }

    fn append(&mut self, at: (usize, usize), mut object: Collecting, item: &Item<'_>) {
        object.text.push_str(item.value());
        let is_too_long = object.text.len() > object.size;
        if is_too_long || (!item.more_data && object.text.len() < object.size) {
            if item.more_data {
                self.incoming.forgo(object.of, SIZE_MISMATCH);
            }
            self.drop(at, SIZE_MISMATCH);
        } else if item.more_data {
            self.incoming.collecting = Some(object);
            self.drop(at, BUFFERED);
        } else {
            let Collecting { kind, text, .. } = object;
            self.of.insert(at, Piece::Last(Whole { kind, text }));
        }
    }

    /// The item means nothing by itself. What went wrong counts more than what was buffered.
    fn drop(&mut self, at: (usize, usize), code: u16) {
        self.of.insert(at, Piece::Part);
        let known = self.codes.entry(at.0).or_insert(code);
        *known = code.max(*known);
    }

    /// The code that a command is answered because of its pieces.
    pub(crate) fn code(&self, place: usize) -> Option<u16> {
        self.codes.get(&place).copied()
    }

    /// Whether the device has yet to send the rest of an object.
    pub(crate) fn wants_more(&self) -> bool {
        self.incoming.collecting.is_some()
    }

    /// The object that ends with an item.
    pub(crate) fn whole(&self, place: usize, index: usize) -> Option<&Whole> {
        match self.of.get(&(place, index))? {
            Piece::Last(whole) => Some(whole),
            Piece::Part => None,
        }
    }

    /// Whether an item means nothing by itself.
    pub(crate) fn is_part(&self, place: usize, index: usize) -> bool {
        matches!(self.of.get(&(place, index)), Some(Piece::Part))
    }

    /// An item's value, or that of the object that ends with it. None if it is not whole.
    pub(crate) fn value(&mut self, place: usize, index: usize, item: &Item<'_>) -> Option<String> {
        match self.of.get_mut(&(place, index)) {
            None => Some(item.value().to_owned()),
            Some(Piece::Last(whole)) => Some(std::mem::take(&mut whole.text)),
            Some(Piece::Part) => None,
        }
    }
}

/// The items by which a device tells something. A command without `CmdID` is refused as a whole,
/// and an alert that only steers the session is no object.
fn carried<'m>(command: &'m Command<'m>) -> Option<(Refs<'m>, Option<&'m Meta<'m>>, &'m [Item<'m>])> {
    let refs = |msg_ref, cmd_ref| Refs { command: command.name(), msg_ref, cmd_ref };
    match command {
        Command::Results(it) => {
            Some((refs(it.msg_ref.as_deref(), it.cmd_ref.as_deref()), it.meta.as_ref(), &it.items))
        }
        Command::Replace(it) if command.cmd_id().is_some() => {
            Some((refs(None, None), it.meta.as_ref(), &it.items))
        }
        Command::Alert(it) if command.cmd_id().is_some() && tells(it) => {
            Some((refs(None, it.data.as_deref()), None, &it.items))
        }
        _ => None,
    }
}

fn tells(alert: &Alert<'_>) -> bool {
    matches!(alert.code(), Some(1224 | 1226)) && !alert.items.iter().any(alert::is_keep_alive)
}

impl Incoming {
    fn is_empty(&self) -> bool {
        self.collecting.is_none() && self.dropped.is_empty()
    }

    fn forgo(&mut self, of: Name, code: u16) {
        self.dropped.retain(|dropped| !dropped.of.is_same(&of));
        if self.dropped.len() == MOST_DROPPED {
            self.dropped.remove(0);
        }
        self.dropped.push(Dropped { of, code });
    }

    /// The code of a further piece of an object that was dropped: a piece that tells a size begins anew.
    fn code_of_rest(&mut self, of: &Name, size: Option<usize>, more_data: bool) -> Option<u16> {
        let is_it = |dropped: &Dropped| size.is_none() && dropped.of.is_same(of);
        let at = self.dropped.iter().position(is_it)?;
        let code = self.dropped[at].code;
        if !more_data {
            self.dropped.remove(at);
        }
        Some(code)
    }
}

/// A device sends one object at a time: more than a few that failed are somebody's bad joke.
const MOST_DROPPED: usize = 8;

/// Bytes of a media type.
const LONGEST_KIND: usize = 2_048;

impl Collecting {
    /// Whether an item is the next piece. Only a first one tells a size; some repeat it.
    fn goes_on(&self, of: &Name, size: Option<usize>) -> bool {
        size.is_none_or(|size| size == self.size) && self.of.is_same(of)
    }
}
