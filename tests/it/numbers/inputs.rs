//! What people write, against the vectors: what leads to a number, what does so with a doubt, and what
//! leads nowhere.

use std::collections::BTreeSet;

use vacate::cli::spelling::{Region, Spelled, Unreadable, Usage, read};

use super::vectors::{Input, Vectors};

fn spelled(input: &Input) -> Result<Spelled, Unreadable> {
    let region = input.region.as_deref().map(str::parse::<Region>);
    match region.transpose() {
        Ok(region) => read(&input.text, region),
        Err(_) => Err(Unreadable::NoRegion),
    }
}

#[test]
fn every_usual_spelling_leads_to_its_number() {
    let vectors = Vectors::read();
    let mut tried = 0;
    for number in &vectors.numbers {
        for input in &number.inputs {
            let read = spelled(input).map(|spelled| spelled.number);
            assert_eq!(read, Ok(number.e164()), "{:?} in {:?}", input.text, input.region);
            tried += 1;
        }
    }
    let regions = vectors.numbers.iter().flat_map(|number| &number.inputs);
    let regions: BTreeSet<&String> = regions.filter_map(|input| input.region.as_ref()).collect();
    assert!(tried >= 250 && regions.len() >= 30, "{tried} spellings of {} regions", regions.len());
}

#[test]
fn a_number_in_no_known_range_is_taken_and_doubted() {
    for doubtful in Vectors::read().inputs_doubtful {
        let read = spelled(&doubtful.input);
        let expected = Spelled { number: doubtful.e164.parse().unwrap(), usage: Usage::Unknown };
        assert_eq!(read, Ok(expected), "{:?}", doubtful.input.text);
    }
}

#[test]
fn what_would_have_to_be_guessed_is_refused() {
    for refused in Vectors::read().inputs_refused {
        let why = match refused.why.as_str() {
            "region" => Unreadable::NoRegion,
            "impossible" => Unreadable::Impossible,
            "unreadable" => Unreadable::NoNumber,
            other => panic!("{other}"),
        };
        assert_eq!(spelled(&refused.input), Err(why), "{:?}", refused.input.text);
    }
}

#[test]
fn a_region_is_two_capital_letters_of_a_country() {
    for text in ["DE", "US", "VA", "CI"] {
        assert!(text.parse::<Region>().is_ok(), "{text}");
    }
    for text in ["", "D", "de", "De", "DEU", "49", "XX", "001", "ZZ", "D\u{130}"] {
        assert!(text.parse::<Region>().is_err(), "{text:?}");
    }
}

#[test]
fn no_reason_repeats_what_was_written() {
    for text in ["0170 1234567", "+49 1", "+49 170 1234567 ext. 5"] {
        let why = read(text, None).unwrap_err();
        assert!(!format!("{why:?} {why}").contains("170") && !why.to_string().contains('5'));
    }
}
