//! What the admin may change of a participant and of keys, and what other things rest on.

use std::sync::Barrier;
use std::thread;

use vacate::client::admin::{Declaration, Enrolment};
use vacate::client::keys::{KeyWish, Whose};
use vacate::domain::participant::{Name, Participant, State};
use vacate::domain::rejection::Code;
use vacate::domain::time::Moment;

use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{NOW_MS, Node, germany};
use crate::support::world::{World, in_a_world_on_both_databases};

const ADMIN: Whose<'static> = Whose::Of("admin");
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// How often two admins end each other's key.
const DUELS: usize = 30;

in_a_world_on_both_databases! {
    async fn a_grant_that_complete_coverage_rests_on_is_not_taken_away(world: World) {
        world.carrier("northtel").await;
        let without = Enrolment::carrier("Northtel", vec!["44".parse().unwrap()]);
        let refused = world.admin.enrol("northtel", &without).await.unwrap_err();
        assert_eq!(refused.code(), Some("value_not_allowed"), "{refused}");
        let kept = world.admin.calling_code(germany()).await.unwrap();
        assert_eq!(kept.carriers, ["northtel"]);

        // A further grant takes nothing away, and what rests on nobody may go.
        let both = Enrolment::carrier("Northtel", vec![germany(), "44".parse().unwrap()]);
        world.admin.enrol("northtel", &both).await.unwrap();
        world.admin.declare(germany(), &Declaration::default()).await.unwrap();
        world.admin.enrol("northtel", &without).await.unwrap();
    }

    async fn the_last_key_of_an_admin_that_works_does_not_end(world: World) {
        let admin = &world.admin;
        let first = admin.participant(Whose::Mine).await.unwrap().key.unwrap().id;
        let must_stay = async |end: Option<i64>| {
            let refused = match end {
                Some(hours) => admin.expire_key(ADMIN, &first, after(hours)).await.unwrap_err(),
                None => admin.revoke_key(ADMIN, &first).await.unwrap_err(),
            };
            assert_eq!(refused.code(), Some("last_admin"), "{refused}");
        };
        must_stay(None).await;
        must_stay(Some(24)).await;

        let wish = KeyWish { expires_at: Some(after(2)), ..KeyWish::new("for two hours") };
        let second = admin.issue_key(ADMIN, &wish).await.unwrap().key.id;
        must_stay(Some(3)).await;
        admin.expire_key(ADMIN, &first, after(1)).await.unwrap();
        let sooner = admin.expire_key(ADMIN, &second, after(1)).await.unwrap_err();
        assert_eq!(sooner.code(), Some("last_admin"), "nobody would be left in an hour");
        // One that has an end may end later.
        admin.expire_key(ADMIN, &first, after(4)).await.unwrap();
        admin.revoke_key(ADMIN, &second).await.unwrap();
        admin.revoke_key(ADMIN, &second).await.unwrap();
        must_stay(None).await;
    }

    async fn the_last_admin_whose_key_works_is_not_suspended(world: World) {
        let suspend = async |name| {
            world.admin.set_state(name, State::Suspended, None).await
        };
        assert_eq!(suspend("admin").await.unwrap_err().code(), Some("last_admin"));
        world.admin.enrol("deputy", &Enrolment::admin("Deputy")).await.unwrap();
        assert_eq!(suspend("admin").await.unwrap_err().code(), Some("last_admin"), "no key yet");
        let wish = KeyWish::new("deputy's");
        let key = world.admin.issue_key(Whose::Of("deputy"), &wish).await.unwrap().text;
        suspend("deputy").await.unwrap();
        assert_eq!(suspend("admin").await.unwrap_err().code(), Some("last_admin"), "suspended");
        world.admin.set_state("deputy", State::Active, None).await.unwrap();
        suspend("admin").await.unwrap();
        let deputy = world.with_key(key.expose());
        let alone = deputy.set_state("deputy", State::Suspended, None).await.unwrap_err();
        assert_eq!(alone.code(), Some("last_admin"));
        deputy.set_state("admin", State::Active, None).await.unwrap();
    }
}

on_both_databases! {
    fn of_two_admins_who_end_each_other_s_key_at_once_one_is_left(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let owner = |name: &str| {
            node.registry.participant_named(&node.admin, &Name::parse(name).unwrap()).unwrap()
        };
        for name in ["one", "two"] {
            let name = Name::parse(name).unwrap();
            let wish = Enrolment::admin(name.as_str());
            node.registry.enroll(&node.admin, &name, &wish).unwrap();
        }
        let (one, two) = (owner("one"), owner("two"));
        let issue = |owner| node.registry.issue_key(owner, &KeyWish::new("test")).unwrap().key.id;
        let mut keys = [(&one, issue(&one)), (&two, issue(&two))];
        let first = owner("admin");
        for key in node.registry.keys_of(&first).unwrap() {
            node.registry.revoke_key(&first, &key.id).unwrap();
        }
        for _ in 0..DUELS {
            let start = Barrier::new(2);
            let revoke = |(owner, id): &(&Participant, String)| {
                start.wait();
                node.registry.revoke_key(owner, id)
            };
            let revoke = &revoke;
            let ended = thread::scope(|scope| {
                let both = keys.each_ref().map(|key| scope.spawn(move || revoke(key)));
                both.map(|one| one.join().unwrap())
            });
            let refused: Vec<_> = ended.iter().filter_map(|one| one.as_ref().err()).collect();
            assert!(matches!(&refused[..], [one] if one.code == Code::LastAdmin), "{ended:?}");
            for ((owner, id), ended) in keys.iter_mut().zip(ended) {
                if ended.is_ok() {
                    *id = issue(owner);
                }
            }
        }
    }
}

fn after(hours: i64) -> Moment {
    Moment::from_unix_ms(NOW_MS + hours * HOUR_MS)
}
