//! Tokens of numbers that are never shown: blinded, evaluated, proved, unblinded.

mod apart;
mod arithmetic;
mod evaluate;
mod secrets;
