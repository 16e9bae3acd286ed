//! Both services as a client sees them, over a store in memory.

#[cfg(test)]
mod database;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod read;
#[cfg(test)]
mod support;
#[cfg(test)]
mod write;
