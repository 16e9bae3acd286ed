//! Rank 4: the commit log. One log for the whole Db, cut into generations; one fdatasync serves
//! every waiting writer. It never carries labels. Bytes: `docs/format/log.md`.

mod columns;
mod commit;
mod delete_frame;
mod error;
mod exemplar_frame;
mod file;
mod frame;
mod histogram_frame;
mod reader;
mod salvage;
mod spans;
#[cfg(test)]
mod tests;

pub use columns::RowsHead;
pub use commit::{Ack, BeforeFrames, CommitLog, CommitTicket, LogStats};
pub use delete_frame::{DeleteFrame, KIND_DELETE};
pub use error::WalError;
pub use exemplar_frame::{
    ExemplarFrame, ExemplarFrameEncoder, ExemplarRow, ExemplarRows, KIND_EXEMPLARS,
};
pub use file::{LOG_HEADER_BYTES, LOG_MAGIC, LOG_VERSION, LogFile, LogHeader, log_path};
pub use frame::{
    FRAME_STAMP_BYTES, FrameStamp, KIND_SAMPLES, Row, SampleFrame, SampleFrameEncoder, SampleRows,
};
pub use histogram_frame::{
    HistogramFrame, HistogramFrameEncoder, HistogramRow, HistogramRows, KIND_HISTOGRAMS,
};
pub use reader::{Frame, LogReader, Torn, first_valid_frame};
pub use spans::RowSpan;
