//! The tables, as Diesel sees them; the truth about them is `migrations/`.
//!
//! Numbers, counts and times are `BigInt`, enumerations `SmallInt` codes, so that both databases hold
//! the same.

diesel::table! {
    log_head (id) {
        id -> SmallInt,
        position -> BigInt,
        mark -> BigInt,
        moved_at -> BigInt,
    }
}

diesel::table! {
    key_generations (purpose, generation) {
        purpose -> SmallInt,
        generation -> Integer,
        fingerprint -> Binary,
        state -> SmallInt,
        since -> Nullable<BigInt>,
        until -> Nullable<BigInt>,
    }
}

diesel::table! {
    participants (id) {
        id -> Integer,
        name -> Text,
        kind -> SmallInt,
        organisation -> Text,
        display_name -> Text,
        state -> SmallInt,
        state_why -> Nullable<Text>,
        accounts_declared -> Nullable<BigInt>,
        close_account_url -> Nullable<Text>,
        recover_url -> Nullable<Text>,
        support_url -> Nullable<Text>,
        advice_not_covered -> SmallInt,
        live_bindings -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    grants (participant_id, calling_code) {
        participant_id -> Integer,
        calling_code -> Integer,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        participant_id -> Integer,
        label -> Text,
        permissions -> Integer,
        secret_hash -> Binary,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    budgets (organisation, purse, bucket) {
        organisation -> Text,
        purse -> SmallInt,
        bucket -> BigInt,
        sketch -> Binary,
        kept_at -> BigInt,
    }
}

diesel::table! {
    calling_codes (calling_code) {
        calling_code -> Integer,
        complete_since -> Nullable<BigInt>,
        policy -> Text,
        recompute_after -> Nullable<BigInt>,
        retained_since -> Nullable<BigInt>,
    }
}

diesel::table! {
    folded_policies (calling_code) {
        calling_code -> Integer,
        policy -> Binary,
    }
}

diesel::table! {
    calling_code_carriers (calling_code, carrier_id) {
        calling_code -> Integer,
        carrier_id -> Integer,
        complete -> SmallInt,
        own_only -> SmallInt,
    }
}

diesel::table! {
    carrier_coverage (carrier_id, calling_code) {
        carrier_id -> Integer,
        calling_code -> Integer,
        through -> Nullable<BigInt>,
        holds_since -> Nullable<BigInt>,
    }
}

diesel::table! {
    numbers (id) {
        id -> BigInt,
        calling_code -> Integer,
        guard -> BigInt,
        freeze_before -> BigInt,
        changed_before -> BigInt,
        clear_from -> BigInt,
        detach_before -> BigInt,
        changed_reason -> SmallInt,
        clear_reason -> SmallInt,
        detach_from -> Nullable<BigInt>,
        held_since -> Nullable<BigInt>,
        holder -> Nullable<Integer>,
        occupancy -> SmallInt,
        version -> BigInt,
        kept_since -> Nullable<BigInt>,
    }
}

diesel::table! {
    elements (element) {
        element -> Binary,
        number_id -> BigInt,
    }
}

diesel::table! {
    events (position) {
        position -> BigInt,
        carrier_id -> Integer,
        number_id -> Nullable<BigInt>,
        event_id -> Binary,
        kind -> SmallInt,
        stated_on -> Nullable<BigInt>,
        stated_at -> Nullable<BigInt>,
        undoes -> Nullable<Binary>,
        recorded_at -> BigInt,
        mark -> BigInt,
    }
}

diesel::table! {
    changes (position) {
        position -> BigInt,
        kind -> SmallInt,
        subject -> BigInt,
        mark -> BigInt,
    }
}

diesel::table! {
    bindings (id) {
        id -> BigInt,
        app_id -> Integer,
        account_ref -> Binary,
        number_id -> BigInt,
        verified_at -> BigInt,
        bound_at -> BigInt,
        holder -> SmallInt,
        demand -> SmallInt,
        reason -> Nullable<SmallInt>,
        response -> SmallInt,
        revision -> BigInt,
        freeze_by -> Nullable<BigInt>,
        detach_by -> Nullable<BigInt>,
        answer_by -> Nullable<BigInt>,
        recompute_at -> Nullable<BigInt>,
        removed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    duty_history (id) {
        id -> BigInt,
        binding_id -> BigInt,
        at -> BigInt,
        writer -> SmallInt,
        revision -> BigInt,
        demand -> SmallInt,
        response -> SmallInt,
    }
}

diesel::table! {
    endpoints (id) {
        id -> BigInt,
        public_id -> Text,
        app_id -> Integer,
        url -> Text,
        state -> SmallInt,
        types -> Text,
        secret -> Binary,
        old_secret -> Nullable<Binary>,
        old_secret_until -> Nullable<BigInt>,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        failures -> Integer,
        failing_since -> Nullable<BigInt>,
        open_until -> Nullable<BigInt>,
        leased_until -> BigInt,
        lease -> BigInt,
    }
}

diesel::table! {
    deliveries (id) {
        id -> BigInt,
        public_id -> Text,
        message_id -> Text,
        app_id -> Integer,
        endpoint_id -> BigInt,
        number_id -> Nullable<BigInt>,
        binding_id -> Nullable<BigInt>,
        revision -> BigInt,
        kind -> SmallInt,
        state -> SmallInt,
        tries -> Integer,
        next_attempt_at -> Nullable<BigInt>,
        created_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    attempts (delivery_id, attempt) {
        delivery_id -> BigInt,
        attempt -> Integer,
        at -> BigInt,
        took_ms -> BigInt,
        status -> Nullable<Integer>,
        answer -> Nullable<Binary>,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    retention_run (id) {
        id -> SmallInt,
        began_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        after_number -> BigInt,
        events -> BigInt,
        deliveries -> BigInt,
        history -> BigInt,
        bindings -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    log_head,
    key_generations,
    participants,
    grants,
    api_keys,
    budgets,
    calling_codes,
    folded_policies,
    calling_code_carriers,
    carrier_coverage,
    numbers,
    elements,
    events,
    changes,
    bindings,
    duty_history,
    endpoints,
    deliveries,
    attempts,
    retention_run,
);
