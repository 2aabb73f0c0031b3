//! Text without references is not copied out of the document.

use syncml::{
    Alert, Chal, Command, Cred, Group, Header, Item, Location, Message, Meta, NodeCommand, Results, Secret,
    Status, Unsupported,
};

use super::{fixtures, parse};

#[test]
fn only_text_with_references_is_copied() {
    let mut borrowed = 0;
    for name in fixtures::names() {
        let document = fixtures::document(&name);
        let Ok(message) = parse(&document) else { continue };
        let mut fields = Fields(Vec::new());
        fields.message(&message);
        for field in fields.0.into_iter().filter(|field| !field.is_empty()) {
            let is_borrowed = document.as_ptr_range().contains(&field.as_ptr());
            // Only one fixture has a text in several pieces: a comment stands inside.
            let is_pieced = field.contains(['&', '<', '>', '"', '\'']) || name == "s-comment-and-pi.xml";
            assert!(is_borrowed || is_pieced, "{name}: {field}");
            borrowed += usize::from(is_borrowed);
        }
    }
    assert!(borrowed > 900, "{borrowed}");
}

/// Every text of a message. New fields do not compile until they are told here.
struct Fields<'m>(Vec<&'m str>);

impl<'m> Fields<'m> {
    fn message(&mut self, message: &'m Message<'_>) {
        let Message { header, commands, is_final: _ } = message;
        self.header(header);
        self.commands(commands);
    }

    fn header(&mut self, header: &'m Header<'_>) {
        let Header { ver_dtd, ver_proto, session_id, msg_id: _, target, source, resp_uri, cred, meta } =
            header;
        self.all([ver_dtd, ver_proto, resp_uri]);
        self.0.push(session_id);
        self.location(target.as_ref());
        self.location(Some(source));
        self.cred(cred.as_ref());
        self.meta(meta.as_ref());
    }

    fn commands(&mut self, commands: &'m [Command<'_>]) {
        for command in commands {
            match command {
                Command::Add(NodeCommand { cmd_id, meta, items })
                | Command::Delete(NodeCommand { cmd_id, meta, items })
                | Command::Exec(NodeCommand { cmd_id, meta, items })
                | Command::Get(NodeCommand { cmd_id, meta, items })
                | Command::Replace(NodeCommand { cmd_id, meta, items }) => {
                    self.all([cmd_id]);
                    self.meta(meta.as_ref());
                    self.items(items);
                }
                Command::Alert(Alert { cmd_id, data, items }) => {
                    self.all([cmd_id, data]);
                    self.items(items);
                }
                Command::Atomic(Group { cmd_id, meta, commands })
                | Command::Sequence(Group { cmd_id, meta, commands }) => {
                    self.all([cmd_id]);
                    self.meta(meta.as_ref());
                    self.commands(commands);
                }
                Command::Results(results) => self.results(results),
                Command::Status(status) => self.status(status),
                Command::Unsupported(Unsupported { name, cmd_id }) => {
                    self.0.push(name);
                    self.all([cmd_id]);
                }
            }
        }
    }

    fn results(&mut self, results: &'m Results<'_>) {
        let Results { cmd_id, msg_ref, cmd_ref, cmd, meta, target_ref, source_ref, items } = results;
        self.all([cmd_id, msg_ref, cmd_ref, cmd, target_ref, source_ref]);
        self.meta(meta.as_ref());
        self.items(items);
    }

    fn status(&mut self, status: &'m Status<'_>) {
        let Status { cmd_id, msg_ref, cmd_ref, cmd, target_refs, source_refs, .. } = status;
        let Status { cred, chal, data, original_error, items, .. } = status;
        self.all([cmd_id, msg_ref, cmd_ref, cmd, data, original_error]);
        self.0.extend(target_refs.iter().chain(source_refs).map(AsRef::as_ref));
        self.cred(cred.as_deref());
        self.meta(chal.as_deref().map(|Chal { meta }| meta));
        self.items(items);
    }

    fn items(&mut self, items: &'m [Item<'_>]) {
        for item in items {
            let Item { target, source, meta, data: _, more_data: _ } = item;
            self.location(target.as_ref());
            self.location(source.as_ref());
            self.meta(meta.as_ref());
            self.0.push(item.value());
        }
    }

    fn cred(&mut self, cred: Option<&'m Cred<'_>>) {
        let Some(Cred { meta, data }) = cred else { return };
        self.meta(Some(meta));
        self.0.push(data.expose());
    }

    fn meta(&mut self, meta: Option<&'m Meta<'_>>) {
        let Some(Meta { format, kind, mark, size, next_nonce, max_msg_size, max_obj_size }) = meta else {
            return;
        };
        self.all([format, kind, mark, size, max_msg_size, max_obj_size]);
        self.0.extend(next_nonce.as_ref().map(Secret::expose));
    }

    fn location(&mut self, location: Option<&'m Location<'_>>) {
        let Some(Location { uri, name }) = location else { return };
        self.0.push(uri);
        self.all([name]);
    }

    fn all<'d, const N: usize>(&mut self, fields: [&'m Option<std::borrow::Cow<'d, str>>; N]) {
        self.0.extend(fields.into_iter().filter_map(Option::as_deref));
    }
}
