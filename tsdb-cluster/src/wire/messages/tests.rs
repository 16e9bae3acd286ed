//! Messages come as they went.
