//! Words that cross a boundary: ids, timestamps, small value types.
