//! `vacate number token` by the real binary: one number, and files that are cut off.

use super::registry::{Ran, Registry};

const LINES: usize = 2_500;

/// So many people, some of whose names are quoted, every hundredth with half a number; some lines have
/// a field too many or too few.
fn people() -> String {
    let line = |n: usize| {
        let phone = if n % 100 == 99 { "+49 170".to_owned() } else { format!("+49 170 {n:07}") };
        let name = if n.is_multiple_of(10) { format!("\"Ann, {n}\"") } else { format!("Bo {n}") };
        match n % 500 {
            250 => format!("{name}\n"),
            251 => format!("{name},{phone},{phone}\n"),
            _ => format!("{name},{phone}\n"),
        }
    };
    (0..LINES).map(line).fold("name,phone\n".to_owned(), |file, line| file + &line)
}

fn token(registry: &Registry, args: &[&str]) -> Ran {
    registry.try_run(&[&["--key-file", "app.key", "number", "token"], args].concat())
}

fn of_a_file(registry: &Registry, more: &[&str]) -> Ran {
    let args = ["--csv", "people.csv", "--column", "phone", "--output", "tokens.csv"];
    token(registry, &[&args[..], more].concat())
}

#[test]
fn a_number_is_read_in_any_usual_spelling_and_nothing_is_guessed() {
    let registry = Registry::start();
    registry.set_up();
    let canonical = token(&registry, &["+491701234567"]);
    assert_eq!(canonical.code, 0, "{}", canonical.err);
    assert!(canonical.out.starts_with("vt1.49."), "{}", canonical.out);
    for spelled in [
        &["+49 (0)170/123-45.67"][..],
        &["0170 1234567", "--region", "DE"],
        &["011 49 170 1234567", "--region", "US"],
    ] {
        assert_eq!(token(&registry, spelled).out, canonical.out, "{spelled:?}");
    }
    for refused in [
        &["0170 1234567"][..],
        &["0170 1234567", "--region", "US"],
        &["+49 170"],
        &["+52 1 222 123 4567"],
        &["+49 170 1234567 ext. 5"],
    ] {
        let ran = token(&registry, refused);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{refused:?}");
        assert!(!ran.err.contains("170") && !ran.err.contains("222"), "{}", ran.err);
    }
    let doubtful = token(&registry, &["+44 7700 900123"]);
    assert_eq!(doubtful.code, 0);
    assert!(doubtful.err.contains("in no range that is known to be in use"), "{}", doubtful.err);
    let json = token(&registry, &["--json", "+491701234567"]);
    assert_eq!(json.json()["number"].as_str(), Some(canonical.out.trim_end()));

    // The token is the number's: the app's check by it finds what the carrier says of the digest.
    registry.write(
        "night.csv",
        "id,type,number,effective_on\ne-1,disconnected,+491701234567,2026-10-20\n",
    );
    registry.run(&["--key-file", "carrier.key", "publish", "night.csv"]);
    let asked = ["--key-file", "app.key", "--json", "check", canonical.out.trim_end()];
    let asked =
        registry.try_run(&[&asked[..], &["--verified-at", "2026-02-14T21:20:00Z"]].concat());
    assert_eq!((asked.code, asked.json()["reason"].as_str()), (11, Some("disconnected")));
}

#[test]
fn a_file_goes_on_where_its_output_was_cut_off() {
    let registry = Registry::start();
    registry.set_up();
    registry.write("people.csv", &people());
    let first = of_a_file(&registry, &["--json"]);
    assert_eq!(first.code, 3, "{}", first.err);
    assert_eq!(first.json(), serde_json::json!({"made": 2_465, "rejected": 35}));
    let rejected = registry.read("people.csv.rejected.csv");
    assert_eq!(rejected.lines().count(), 36);

    let whole = registry.read("tokens.csv");
    assert!(whole.starts_with("name,phone,token\n\"Ann, 0\",+49 170 0000000,vt1.49."), "{whole}");
    let one = token(&registry, &["+491700001234"]).out;
    assert!(whole.contains(&format!("Bo 1234,+49 170 0001234,{one}")));
    assert!(whole.contains("Bo 1199,+49 170,\n"));
    assert!(whole.contains("\"Ann, 750\",\nBo 751,+49 170 0000751,+49 170 0000751,\n"));

    // What is there isn't made again: a token that was altered stays so.
    let marked = whole.replacen("vt1.49.", "vt1.00.", 1);
    let middle = marked.find("\"Ann, 1500\"").unwrap();
    for cut in [middle, middle + 5, middle + 6, middle + 40, marked.len() - 1, marked.len()] {
        registry.write("tokens.csv", &marked[..cut]);
        let again = of_a_file(&registry, &["--json"]);
        assert_eq!(again.json(), first.json(), "{}", again.err);
        assert_eq!(registry.read("tokens.csv"), marked, "cut at {cut} of {}", marked.len());
        assert_eq!(sorted(&registry.read("people.csv.rejected.csv")), sorted(&rejected));
    }
    for cut in [0, 4, "name,phone,token\n".len()] {
        registry.write("tokens.csv", &whole[..cut]);
        of_a_file(&registry, &[]);
        assert_eq!(registry.read("tokens.csv"), whole, "cut at {cut}");
    }
}

/// Rejected lines come in the order in which batches were answered.
fn sorted(file: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = file.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn an_output_of_another_file_is_left_alone() {
    let registry = Registry::start();
    registry.set_up();
    registry.write("people.csv", "name,phone\nAnn,+491701234567\nBo,+491701234568\n");
    for other in [
        "name,phone,digest\n",
        "name,phone,token\nBo,+491701234568,vt1\n",
        "name,phone,token\nAnn,+491701234567,vt1\nBo,+491701234568,vt1\nCy,+491701234569,vt1\nDi,,\n",
        // Of what could be made nothing was: the run before had another region.
        "name,phone,token\nAnn,+491701234567,\n",
    ] {
        registry.write("tokens.csv", other);
        let ran = of_a_file(&registry, &[]);
        assert_eq!(ran.code, 2, "{other}: {}", ran.err);
        assert_eq!(registry.read("tokens.csv"), other);
    }
    registry.write("people.csv", "name,phone,token\nAnn,+491701234567,\n");
    let ran = of_a_file(&registry, &[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("has a column token already"), "{}", ran.err);
}

#[test]
fn a_run_that_was_interrupted_is_finished_by_the_next() {
    let registry = Registry::start();
    registry.set_up();
    registry.write("people.csv", &people());
    of_a_file(&registry, &[]);
    let whole = registry.read("tokens.csv");
    std::fs::remove_file(registry.path("tokens.csv")).unwrap();
    let args = ["--key-file", "app.key", "number", "token", "--csv", "people.csv", "--column"];
    let mut running = registry.spawn(&[&args[..], &["phone", "--output", "tokens.csv"]].concat());
    running.interrupt();
    running.code();
    let finished = of_a_file(&registry, &[]);
    assert_eq!(finished.code, 3, "{}", finished.err);
    assert_eq!(registry.read("tokens.csv"), whole);
}
