/// What a document may cost. The defaults fit every message that Windows was seen to send, many times over.
///
/// Time is linear in the bytes, and a document is left at the first limit that it breaks: the worst of a mebibyte takes
/// about 20 ms. Text is borrowed, or copied once; besides, an element takes at most about 350 bytes, so that a message
/// takes at most 10 MiB besides its text. There are no entities to expand, and nothing recurses deeper than `depth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document: 1 MiB (oma-dm.md §6).
    pub bytes: usize,
    /// Elements inside one another: 64. A real message has 9.
    pub depth: usize,
    /// Elements in all: 16,384.
    pub elements: usize,
    /// Commands in all, those inside of groups too: 4,096. A command that says anything has four elements.
    pub commands: usize,
    /// Attributes of one element: 32.
    pub attributes_per_element: usize,
    /// Attributes in all: 4,096.
    pub attributes: usize,
    /// Bytes of the text of one element, or of the markup inside one Data: 512 KiB.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 64,
            elements: 1 << 14,
            commands: 1 << 12,
            attributes_per_element: 32,
            attributes: 1 << 12,
            text: 1 << 19,
        }
    }
}
