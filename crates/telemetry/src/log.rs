//! Log lines, with the ids of the trace that they belong to.

use std::fmt::{self, Write};

use model::TraceContext;
use opentelemetry::{Context, trace::TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{DefaultFields, JsonFields, Writer, format},
    },
    registry::LookupSpan,
};

use crate::{LogFormat, context::from_span_context};

/// Whether lines for humans are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Plain,
    Ansi,
}

impl Colour {
    /// Coloured on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn of(terminal: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if terminal && wanted { Self::Ansi } else { Self::Plain }
    }
}

/// Writes one line for each event.
pub(crate) fn layer<S, W>(wanted: LogFormat, colour: Colour, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let ansi = colour == Colour::Ansi;
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    match wanted {
        LogFormat::Human => layer
            .fmt_fields(DefaultFields::new())
            .event_format(Traced { inner: format().with_ansi(ansi), splice: after_text })
            .boxed(),
        LogFormat::Json => layer
            .fmt_fields(JsonFields::new())
            .event_format(Traced { inner: format().json().with_current_span(false), splice: into_object })
            .boxed(),
    }
}

/// A format that adds the trace's ids to the lines of another one.
struct Traced<F> {
    inner: F,
    splice: fn(&str, TraceContext, &mut Writer<'_>) -> fmt::Result,
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // A span that is entered is the thread's current context.
        let Some(context) = from_span_context(Context::current().span().span_context()) else {
            return self.inner.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        (self.splice)(&line, context, &mut writer)
    }
}

fn into_object(line: &str, context: TraceContext, writer: &mut Writer<'_>) -> fmt::Result {
    let rest = line.strip_prefix('{').ok_or(fmt::Error)?;
    let (trace, span) = (context.trace_id_hex(), span_id_hex(context));
    write!(writer, r#"{{"trace_id":"{trace}","span_id":"{span}",{rest}"#)
}

fn after_text(line: &str, context: TraceContext, writer: &mut Writer<'_>) -> fmt::Result {
    let text = line.trim_end_matches('\n');
    writeln!(writer, "{text} trace_id={} span_id={}", context.trace_id_hex(), span_id_hex(context))
}

fn span_id_hex(context: TraceContext) -> String {
    context.span_id.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
