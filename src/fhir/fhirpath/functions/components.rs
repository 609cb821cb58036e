//! The parts of dates and times: `yearOf()`, `timeOf()` and their like. Source: FHIRPath draft, *Date/Time
//! component extraction*.

use super::super::decimal::Decimal;
use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::temporal::{Precision, Temporal, TemporalKind};
use super::{Args, Function, function};

pub(super) const COMPONENTS: &[Function] = &[
    function("yearOf", (0, 0), |a, i| part(a, i, Precision::Year)),
    function("monthOf", (0, 0), |a, i| part(a, i, Precision::Month)),
    function("dayOf", (0, 0), |a, i| part(a, i, Precision::Day)),
    function("hourOf", (0, 0), |a, i| part(a, i, Precision::Hour)),
    function("minuteOf", (0, 0), |a, i| part(a, i, Precision::Minute)),
    function("secondOf", (0, 0), |a, i| part(a, i, Precision::Second)),
    function("millisecondOf", (0, 0), millisecond),
    function("timezoneOffsetOf", (0, 0), offset),
    function("dateOf", (0, 0), date),
    function("timeOf", (0, 0), time),
];

/// The one date or time of the input; a text that reads as one counts. Of anything else there are no parts.
fn moment<'a>(
    args: &Args<'_, 'a>,
    input: Vec<Item<'a>>,
) -> Result<Option<Temporal>, FhirPathError> {
    Ok(match args.valued(input)?.map(|item| item.to_system()) {
        Some(Item::Temporal(value)) => Some(value),
        Some(Item::String(text)) => [
            TemporalKind::DateTime,
            TemporalKind::Date,
            TemporalKind::Time,
        ]
        .into_iter()
        .find_map(|kind| Temporal::parse(kind, &text)),
        _ => None,
    })
}

fn integer<'a>(value: Option<i64>) -> Outcome<'a> {
    Ok(value.map(Item::Integer).into_iter().collect())
}

fn part<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>, part: Precision) -> Outcome<'a> {
    integer(moment(args, input)?.and_then(|value| value.part(part)))
}

fn millisecond<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    integer(moment(args, input)?.and_then(|value| value.millisecond()))
}

/// In hours, as a decimal.
fn offset<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let minutes = moment(args, input)?.and_then(|value| value.offset());
    let hours = minutes
        .and_then(|minutes| Decimal::from_integer(minutes).divided_by(Decimal::from_integer(60)));
    Ok(hours.map(Item::Decimal).into_iter().collect())
}

fn date<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let date = moment(args, input)?.and_then(Temporal::to_date);
    Ok(date.map(Item::Temporal).into_iter().collect())
}

fn time<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let moment = moment(args, input)?;
    let moment = moment.filter(|value| value.kind() != TemporalKind::Time);
    let time = moment.and_then(Temporal::to_time);
    Ok(time.map(Item::Temporal).into_iter().collect())
}
