//! Phone numbers that are nobody's, so that the demo can't be about anybody: the ranges that are kept
//! for films and books in North America (555-0100 to 555-0199), in the United Kingdom (Ofcom, numbers
//! for drama) and in Germany (Bundesnetzagentur, Mitteilung 148/2021).

use crate::domain::number::E164;

/// Miss Zhou's, of Ofcom's mobile range.
pub(super) const STORY: &str = "+447700900123";

/// The number of the story.
pub(super) fn story() -> E164 {
    STORY.parse().expect("a number")
}

/// Mobile, without area, London, Manchester, Edinburgh, Cardiff: 1,000 in each.
const BRITISH: [&str; 6] =
    ["+447700900", "+441632960", "+442079460", "+441614960", "+441314960", "+442920180"];
/// Berlin, Frankfurt, Hamburg, Köln, München: 1,000 in each.
const GERMAN: [&str; 5] = ["+493023125", "+496990009", "+494066969", "+492214710", "+498999998"];

/// Different fictitious numbers, always the same, of all three countries from the beginning.
pub(super) fn fictitious() -> impl Iterator<Item = E164> {
    let mut british = thousands(&BRITISH).filter(|number| number != STORY);
    let mut german = thousands(&GERMAN);
    let mut american =
        area_codes().flat_map(|area| (0..100).map(move |last| format!("+1{area}55501{last:02}")));
    let texts = (0..).map_while(move |place| match place % 10 {
        3 => british.next(),
        7 => german.next(),
        _ => american.next(),
    });
    texts.map(|text| text.parse().expect("each range is of E.164"))
}

fn thousands(ranges: &'static [&str]) -> impl Iterator<Item = String> {
    ranges.iter().flat_map(|range| (0..1_000).map(move |last| format!("{range}{last:03}")))
}

/// The codes that areas may have: no `N9X`, which is kept for longer numbers; none that ends in two
/// equal digits, which are for services; nothing of 5XX and 8XX, personal and toll-free; nor 456 and
/// 710, which are no areas.
fn area_codes() -> impl Iterator<Item = u32> {
    (200..1_000).filter(|code| {
        let (first, second, third) = (code / 100, code / 10 % 10, code % 10);
        second != 9 && second != third && ![5, 8].contains(&first) && ![456, 710].contains(code)
    })
}
