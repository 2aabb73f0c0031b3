//! Log lines, with the ids of the trace that they belong to.

use std::fmt;

use model::TraceContext;
use opentelemetry::{Context, trace::TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::FilterExt,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{DefaultFields, JsonFields, Writer, format},
    },
    registry::LookupSpan,
};

use crate::{LogFormat, context::from_span_context};

mod repeats;

pub(crate) use repeats::Repeats;

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

/// Writes one line for each event that `filter` admits, but for repeats.
pub(crate) fn layer<S, W>(
    wanted: LogFormat,
    colour: Colour,
    filter: EnvFilter,
    writer: W,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let ansi = colour == Colour::Ansi;
    let repeats = Repeats::default();
    let filter = filter.and(repeats.clone());
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    match wanted {
        LogFormat::Human => layer
            .fmt_fields(DefaultFields::new())
            .event_format(Traced { inner: format().with_ansi(ansi), repeats, splice: after_text })
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => layer
            .fmt_fields(JsonFields::new())
            .event_format(Traced {
                inner: format().json().with_current_span(false),
                repeats,
                splice: into_object,
            })
            .with_filter(filter)
            .boxed(),
    }
}

/// A format that adds to the lines of another one.
struct Traced<F> {
    inner: F,
    repeats: Repeats,
    splice: fn(&str, &Extra, &mut Writer<'_>) -> fmt::Result,
}

/// What a line tells besides its event.
struct Extra {
    /// The span that it belongs to.
    context: Option<TraceContext>,
    /// How many lines like it were left out before it.
    left_out: Option<u64>,
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
        let extra = Extra {
            // A span that is entered is the thread's current context.
            context: from_span_context(Context::current().span().span_context()),
            left_out: self.repeats.left_out(event),
        };
        if extra.context.is_none() && extra.left_out.is_none() {
            return self.inner.format_event(ctx, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        (self.splice)(&line, &extra, &mut writer)
    }
}

fn into_object(line: &str, extra: &Extra, writer: &mut Writer<'_>) -> fmt::Result {
    writer.write_char('{')?;
    if let Some(context) = extra.context {
        let (trace, span) = (context.trace_id_hex(), context.span_id_hex());
        write!(writer, r#""trace_id":"{trace}","span_id":"{span}","#)?;
    }
    if let Some(count) = extra.left_out {
        write!(writer, r#""left_out":{count},"#)?;
    }
    writer.write_str(line.strip_prefix('{').ok_or(fmt::Error)?)
}

fn after_text(line: &str, extra: &Extra, writer: &mut Writer<'_>) -> fmt::Result {
    writer.write_str(line.trim_end_matches('\n'))?;
    if let Some(context) = extra.context {
        write!(writer, " trace_id={} span_id={}", context.trace_id_hex(), context.span_id_hex())?;
    }
    if let Some(count) = extra.left_out {
        write!(writer, " left_out={count}")?;
    }
    writer.write_char('\n')
}

#[cfg(test)]
mod tests;
