//! Tokens of numbers that are never shown: blinded, evaluated, proved, unblinded.

mod arithmetic;
mod evaluate;
