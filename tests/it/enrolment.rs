//! What the admin may change of a participant, and what other things rest on.

use vacate::client::admin::{Declaration, Enrolment};

use crate::support::node::germany;
use crate::support::world::{World, in_a_world_on_both_databases};

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
}
