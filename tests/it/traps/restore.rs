//! A backup is restored, and ids that handles were made with are given out again.

use vacate::domain::number::NumberText;
use vacate::domain::rejection::Code;
use vacate::domain::verdict::Advice;
use vacate::entropy::Entropy;
use vacate::keys::Keys;

use super::{VERIFIED, advice, number};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;

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
}
