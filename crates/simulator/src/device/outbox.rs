//! What a device has yet to send: answers that do not fit into one message go into several (oma-dm.md §3.1, §6).

use std::collections::VecDeque;

use syncml::{Command, Data, Item, Meta, Results};

use super::{
    package,
    profile::{LargeObjects, Profile},
};

/// Bytes of a message besides its answers: the header, a credential, two Statuses. Generous.
const FRAME: usize = 1_500;

/// The content of one message.
#[derive(Clone)]
pub(super) struct Portion {
    pub(super) commands: Vec<Command<'static>>,
    /// Whether the package ends with it.
    pub(super) is_final: bool,
    /// Whether it stands alone, without a Status of the `SyncHdr`.
    pub(super) is_keep_alive: bool,
}

/// The messages that are to be sent before the next commands are wanted.
#[derive(Clone, Default)]
pub(super) struct Outbox(VecDeque<Portion>);

impl Outbox {
    /// Queues the answers to one message. Without Final if the rest of an object is to come from the server.
    pub(super) fn fill(&mut self, answers: Vec<Command<'static>>, profile: &Profile, is_final: bool) {
        for _ in 0..profile.keep_alives {
            let commands = vec![package::keep_alive()];
            self.0.push_back(Portion { commands, is_final: false, is_keep_alive: true });
        }
        let mut portions = match profile.longest_message {
            Some(longest) => cut(answers, longest.saturating_sub(FRAME).max(1), profile.large_objects),
            None => vec![answers],
        };
        let last = portions.pop().unwrap_or_default();
        let whole = |(commands, is_final)| Portion { commands, is_final, is_keep_alive: false };
        self.0.extend(portions.into_iter().map(|commands| whole((commands, false))));
        self.0.push_back(whole((last, is_final)));
    }

    pub(super) fn next(&mut self) -> Option<Portion> {
        self.0.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The server does not take the object of which it has a chunk: the rest of it is not sent.
    pub(super) fn give_up_object(&mut self) {
        while self.0.len() > 1 && self.0.front().is_some_and(is_chunk) {
            self.0.pop_front();
        }
        // The last chunk may share the package's last message with other answers.
        if let Some(last) = self.0.front_mut().filter(|portion| is_chunk(portion)) {
            last.commands.remove(0);
        }
    }
}

/// Whether it begins with the continuation of an object.
fn is_chunk(portion: &Portion) -> bool {
    let Some(Command::Results(results)) = portion.commands.first() else { return false };
    results.items.first().is_some_and(|item| item.more_data || is_rest(item))
}

/// Only the first chunk tells a size, and no other value of ours comes without a Status before it.
fn is_rest(item: &Item<'_>) -> bool {
    item.meta.as_ref().is_none_or(|meta| meta.size.is_none())
}

/// Fills messages one after the other.
fn cut(answers: Vec<Command<'static>>, room: usize, support: LargeObjects) -> Vec<Vec<Command<'static>>> {
    let mut portions: Vec<Vec<Command<'static>>> = vec![Vec::new()];
    let mut used = 0;
    for answer in answers {
        let length = answer.xml_len();
        if length > room
            && let Command::Results(results) = &answer
            && matches!(support, LargeObjects::Taken { .. })
        {
            // Each chunk ends its message: the server is to say that it took it.
            for chunk in chunks(results, room / 2) {
                portions.last_mut().expect("there is one").push(chunk);
                portions.push(Vec::new());
            }
            used = 0;
            continue;
        }
        if used + length > room && used > 0 {
            portions.push(Vec::new());
            used = 0;
        }
        used += length;
        portions.last_mut().expect("there is one").push(answer);
    }
    if portions.last().is_some_and(Vec::is_empty) && portions.len() > 1 {
        portions.pop();
    }
    portions
}

/// One Results for each chunk of each Item.
fn chunks(results: &Results<'static>, room: usize) -> Vec<Command<'static>> {
    let mut commands = Vec::new();
    for item in &results.items {
        let value = item.value();
        let pieces = pieces(value, room.max(4));
        for (number, piece) in pieces.iter().enumerate() {
            let size = (number == 0 && pieces.len() > 1).then(|| value.len().to_string().into());
            let meta = if number == 0 { item.meta.clone() } else { None };
            let meta = meta.or(size.is_some().then(Meta::default)).map(|meta| Meta { size, ..meta });
            let item = Item {
                meta,
                data: Some(Data::text((*piece).to_owned())),
                more_data: number + 1 < pieces.len(),
                ..item.clone()
            };
            commands.push(Command::Results(Results { items: vec![item], ..results.clone() }));
        }
    }
    commands
}

/// Pieces of at most so many bytes, none of which ends within a character.
fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > most {
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(most));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_characters_whole() {
        assert_eq!(pieces("äöü", 5), ["äö", "ü"]);
        assert_eq!(pieces("0123456789", 4), ["0123", "4567", "89"]);
        assert_eq!(pieces("", 4), [""]);
    }
}
