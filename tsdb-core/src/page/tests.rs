mod nasty;
mod round_trip;
