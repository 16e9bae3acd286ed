//! Changes: each makes the topology that would be, and leaves the old one as it is.

mod abort;
mod add;
mod bind;
mod chance;
mod give;
mod init;
mod remove;
mod replace;
mod set;
mod step;
