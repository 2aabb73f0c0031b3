//! What a message's Statuses and Results say about outstanding commands (oma-dm.md §5.2).

use syncml::{Command, Message, Results, Status};

use crate::{
    object::Pieces,
    outcome::{Outcome, Said},
    pending::{Pending, SentAs},
};

/// Outstanding commands and what a message says about them.
pub(crate) struct Matching {
    open: Vec<Open>,
    ignored: usize,
}

struct Open {
    pending: Pending,
    /// The values of this message, by node. They are not stored.
    values: Vec<Option<String>>,
}

/// What a message said, once it is taken to the books.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) outcomes: Vec<Outcome>,
    /// What is still to be answered.
    pub(crate) outstanding: Vec<Pending>,
    /// How many Statuses and Results items were about nothing that was outstanding.
    pub(crate) ignored: usize,
}

/// Whether more answers can follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// The device said everything: what is unanswered stays unknown.
    Complete,
    /// The package goes on in another message.
    GoesOn,
}

/// Whether a Status is about the `SyncHdr`.
pub(crate) fn is_about_header(status: &Status<'_>) -> bool {
    status.cmd_ref.as_deref() == Some("0") || status.cmd.as_deref() == Some("SyncHdr")
}

/// The last message of ours that a message's Statuses speak of.
pub(crate) fn heard_of(message: &Message<'_>) -> Option<u32> {
    let msg_ref = |command: &Command<'_>| match command {
        Command::Status(status) => status.msg_ref.as_deref()?.parse().ok(),
        _ => None,
    };
    message.commands.iter().filter_map(msg_ref).max()
}

impl Matching {
    pub(crate) fn of(message: &Message<'_>, outstanding: Vec<Pending>, pieces: &mut Pieces) -> Self {
        let open = |pending: Pending| Open { values: vec![None; pending.nodes()], pending };
        let mut matching = Self { open: outstanding.into_iter().map(open).collect(), ignored: 0 };
        for (place, command) in message.commands.iter().enumerate() {
            match command {
                Command::Status(status) => matching.status(status),
                Command::Results(results) => matching.results(place, results, pieces),
                _ => {}
            }
        }
        matching
    }

    fn status(&mut self, status: &Status<'_>) {
        if is_about_header(status) || status.cmd.as_deref() == Some("Status") {
            return;
        }
        let open = self.find(status.msg_ref.as_deref(), status.cmd_ref.as_deref());
        let (Some(open), Some(said)) = (open, Said::by(status)) else {
            // Our alerts are answered like commands, and nobody waits for it.
            self.ignored += usize::from(status.cmd.as_deref() != Some("Alert"));
            return;
        };
        if status.target_refs.is_empty() {
            open.pending.note(said.clone());
        }
        let strange = status.target_refs.iter().filter(|uri| !open.pending.note_target(uri, said.clone()));
        let strange = strange.count();
        self.ignored += strange;
    }

    fn results(&mut self, place: usize, results: &Results<'_>, pieces: &mut Pieces) {
        // Without references they mean message 1 and command 1 (oma-dm.md §3.3).
        let (msg_ref, cmd_ref) = (results.msg_ref.as_deref(), results.cmd_ref.as_deref());
        let Some(open) = self.find(msg_ref.or(Some("1")), cmd_ref.or(Some("1"))) else {
            self.ignored += results.items.len();
            return;
        };
        let mut ignored = 0;
        for (index, item) in results.items.iter().enumerate() {
            let uri = item.uri().or(results.source_ref.as_deref()).or(results.target_ref.as_deref());
            let at = open.pending.position(uri).filter(|at| open.values[*at].is_none());
            let Some(at) = at else {
                ignored += 1;
                continue;
            };
            match pieces.value(place, index, item) {
                Some(value) => open.values[at] = Some(value),
                // Not whole, or not yet: until it is, the node's value is unknown.
                None => open.pending.lose(at),
            }
        }
        self.ignored += ignored;
    }

    fn find(&mut self, msg_ref: Option<&str>, cmd_ref: Option<&str>) -> Option<&mut Open> {
        let sent_as = SentAs::parse(msg_ref, cmd_ref)?;
        self.open.iter_mut().find(|open| open.pending.sent_as == sent_as)
    }

    /// What was said about a command of one node.
    pub(crate) fn said(&self, sent_as: SentAs) -> Option<Said> {
        self.open.iter().find(|open| open.pending.sent_as == sent_as)?.pending.said()
    }

    /// The command never happened as it was meant: whatever was said, it stays unknown.
    pub(crate) fn lose(&mut self, sent_as: SentAs) {
        if let Some(open) = self.open.iter_mut().find(|open| open.pending.sent_as == sent_as) {
            (0..open.pending.nodes()).for_each(|at| open.pending.lose(at));
        }
    }

    /// Takes commands back that are to be sent again: those from `first` on, as many as one
    /// command and its inner ones are. False if the device has executed any of them.
    pub(crate) fn take_back(&mut self, first: SentAs, count: u32) -> bool {
        let range = first.cmd_id..first.cmd_id.saturating_add(count);
        let is_it = |open: &Open| {
            let SentAs { msg_id, cmd_id } = open.pending.sent_as;
            msg_id == first.msg_id && range.contains(&cmd_id)
        };
        let is_unheard = |open: &Open| open.pending.is_unheard() && open.values.iter().all(Option::is_none);
        let unheard = self.open.iter().filter(|open| is_it(open) && is_unheard(open)).count();
        let is_untouched = unheard == count as usize;
        if is_untouched {
            self.open.retain(|open| !is_it(open));
        }
        is_untouched
    }

    /// Forgets a command that goes on under another number.
    pub(crate) fn forget(&mut self, sent_as: SentAs) {
        self.open.retain(|open| open.pending.sent_as != sent_as);
    }

    /// A value cannot wait for the next message, since it is not stored: it is delivered at once.
    pub(crate) fn deliver(self, package: Package) -> Told {
        let mut told = Told { ignored: self.ignored, ..Told::default() };
        for Open { mut pending, values } in self.open {
            let is_group = pending.is_group();
            told.outcomes.extend(pending.read(values));
            if !is_group && pending.is_group() {
                continue;
            }
            match package {
                Package::Complete => told.outcomes.extend(pending.resolve()),
                Package::GoesOn => told.outstanding.push(pending),
            }
        }
        told
    }
}
