//! A backup is restored: ids that handles were made with are given out again, and so are positions that
//! nodes have followed the log to.

use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::{NumberId, NumberText};
use vacate::domain::rejection::Code;
use vacate::domain::verdict::Advice;
use vacate::entropy::Entropy;
use vacate::keys::Keys;
use vacate::storage::log::{self, Change, Stamp};
use vacate::storage::{Error, Storage};

use super::{LOST, VERIFIED, advice, bind_all, number};
use crate::support::databases::{Kind, LIMITS, TestDatabase, on_both_databases};
use crate::support::node::{NOW_MS, Node};

on_both_databases! {
    fn a_handle_from_after_a_restored_backup_never_speaks_for_another_number(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        node.carrier("northtel");
        let app = node.app("skyfare");
        let kept = node.bind(&app, "u-0", &number(0), VERIFIED).handle;
        drop(node);
        let backup = database.copy();

        let node = Node::start(&database);
        let forgotten = node.bind(&app, "u-1", &number(1), VERIFIED).handle;
        drop(node);

        let node = Node::start(&backup);
        let other = node.bind(&app, "u-2", &number(2), VERIFIED).handle;
        let (keys, _) = Keys::read_or_make(&backup.key_file(), &Entropy::System).unwrap();
        let id = |handle: &str| {
            let handle: NumberText = handle.parse().unwrap();
            keys.ring().open_handle("skyfare", &handle).unwrap().number_id
        };
        assert_eq!(id(&forgotten), id(&other), "the id is given out again");
        let refused = node.check(&app, &forgotten).unwrap_err();
        assert_eq!(refused.code, Code::HandleUnknown);
        assert_eq!(advice(&node, &app, &other), Advice::Allow);
        assert_eq!(advice(&node, &app, &kept), Advice::Allow);
    }

    fn a_log_that_lost_its_end_and_grew_again_is_not_the_one_that_was_read(kind: Kind) {
        const REWIND: &str = "DELETE FROM changes WHERE position > 2; \
            UPDATE log_head SET position = 2, mark = 2";
        let database = TestDatabase::new(kind);
        let storage = Storage::open(&database.url, LIMITS).unwrap();
        storage.migrate().unwrap();
        let append = |mark| {
            let stamp = Stamp { now_ms: NOW_MS, mark };
            let written = storage.write(|tx| log::append(tx, &[Change::Number(NumberId(1))], stamp));
            written.unwrap();
            storage.read(log::end).unwrap()
        };
        let since = |read| storage.read(|db| log::since(db, read));
        let [_, kept, lost] = [1, 2, 3].map(append);
        database.meddle(REWIND);
        assert!(matches!(since(lost), Err(Error::Rewound)), "shorter");
        for mark in [13, 14] {
            let end = append(mark);
            assert!(end.position >= lost.position);
            assert!(matches!(since(lost), Err(Error::Rewound)), "as long, or longer");
            assert_eq!(since(kept).unwrap().through, end);
        }
    }
}

#[test]
fn a_node_that_followed_what_a_failover_lost_answers_nothing_before_it_has_loaded_anew() {
    let database = TestDatabase::new(Kind::Postgres);
    let node = Node::start(&database);
    let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
    let handles: [String; 3] = bind_all(&node, &app, 3).try_into().unwrap();
    drop(node);
    let backup = database.copy();

    let following = Node::start(&database);
    following.publish(&carrier, ("e-0", Disconnected), &number(0), LOST);
    assert_eq!(advice(&following, &app, &handles[0]), Advice::Freeze);
    database.restore(&backup);
    let other = Node::start(&database);
    // The first of them is where the one that was lost stood: whoever went on after it would miss it.
    for (event, n) in [("e-1", 1), ("e-2", 2)] {
        other.publish(&carrier, (event, Disconnected), &number(n), LOST);
    }

    for handle in &handles {
        let refused = following.check(&app, handle).unwrap_err();
        assert!(matches!(refused.code, Code::Starting | Code::Unavailable), "{refused:?}");
    }
    assert!(!following.registry.is_ready());
    following.registry.load_index().unwrap();
    let advised = handles.each_ref().map(|handle| advice(&following, &app, handle));
    assert_eq!(advised, [Advice::Allow, Advice::Freeze, Advice::Freeze]);
}
