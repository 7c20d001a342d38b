//! The rules: the fold, the answer, duties and clearance.

mod duties;
mod duty_walks;
mod fold_properties;
mod random;
mod retention;
mod values;
mod vectors;
mod verdict;
