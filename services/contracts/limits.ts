/**
 * Every bound that a client can meet whatever the configuration says, with its reason. What an operator may change is in
 * services/config-variables.ts. docs/LIMITS.md is checked against this file by a test.
 */
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** BLAKE3's own unit; a chunk is a power of two of these. */
export const LEAF_BYTES = 1024;
/** A smaller chunk costs more in bookkeeping than in bytes. */
export const MIN_CHUNK_BYTES = 16 * KIB;
/** One commit, one wake-up and one read-ahead buffer a MiB measured best (docs/PROTOCOL.md). */
export const DEFAULT_CHUNK_BYTES = MIB;
/** Keeps the list of chaining values of a file at 2 MiB. */
export const MAX_CHUNKS_PER_FILE = 65_536;
/** 16 MiB x 65,536 chunks = 1 TiB a file. A stream holds a few chunks in memory, so larger ones would cost too much. */
export const MAX_CHUNK_BYTES = 16 * MIB;
export const MAX_FILE_BYTES = MAX_CHUNK_BYTES * MAX_CHUNKS_PER_FILE;
/** Unknown length: 1 MiB chunks, at most 65,536. */
export const UNKNOWN_LENGTH_CHUNK_BYTES = MIB;
/** What a browser sends in one PUT: Blob slices of 8 MiB measured best. */
export const MAX_RUN_BYTES = 8 * MIB;
/** One binary event; above it the answer is `use_http`. */
export const MAX_SOCKET_CHUNK_BYTES = MIB;
/** Chunks a client may have unacknowledged on one socket. */
export const MAX_SOCKET_CHUNKS_IN_FLIGHT = 32;
/** The same of all sockets of a node together: 256 MiB at most. */
export const MAX_NODE_SOCKET_CHUNKS_IN_FLIGHT = 256;
/** The text of an event that brings a chunk. */
export const MAX_CHUNK_HEAD_BYTES = 64 * KIB;
/** Frames of a socket, then everybody else has a turn: two megabytes of small ones are there at once otherwise. A page sends a dozen. */
export const MAX_FRAMES_A_TURN = 64;
/** A socket that has not said who it is by then is closed (the default is 45 s). */
export const SOCKET_CONNECT_TIMEOUT_MS = 10_000;

export const MAX_FILES_PER_TRANSFER = 10_000;
/** A relative path with its folders, in UTF-8. Longest that common file systems take back. */
export const MAX_PATH_BYTES = 4096;
export const MAX_NAME_BYTES = 255;
export const MAX_PATH_DEPTH = 64;
export const MAX_DISPLAY_NAME_CHARS = 64;
export const MAX_PASSWORD_BYTES = 1024;
export const MAX_DOWNLOADS_LIMIT = 1_000_000;
/** One year; a share that should live longer is a web site. */
export const MAX_EXPIRES_SECONDS = 366 * 24 * 3600;
export const MAX_IDEMPOTENCY_KEY_CHARS = 128;

/** 10,000 files with paths of 400 bytes fit. */
export const MAX_JSON_BODY_BYTES = 8 * MIB;
/** Bodies of requests that are no list: names, passwords, settings. */
export const MAX_SMALL_JSON_BODY_BYTES = 16 * KIB;
/** A text sent to people, every character of it escaped. */
export const MAX_TEXT_BODY_BYTES = 256 * KIB;
/** What one HTTP request may gather before it counts among MAX_GATHERED_BYTES; what a socket began counts from its first byte. */
export const MAX_UNCOUNTED_BODY_BYTES = 16 * KIB;
/** JSON bodies and messages of sockets that are not whole yet, all together. */
export const MAX_GATHERED_BYTES = 128 * MIB;
/** What clients make a node hold is theirs so long, then whoever holds most for longest goes first when there is no room. */
export const HELD_SPARED_MS = 10_000;
/** Chunks of uploads that are not whole yet, all together: each body counts as the whole chunk it may gather. */
export const MAX_UNFINISHED_CHUNK_BYTES = 256 * MIB;
export const MAX_JSON_DEPTH = 8;
/** 10,000 files with five members each, and as much again. More would hold up everybody while each is looked at. */
export const MAX_JSON_MEMBERS = 100_000;
export const MAX_HEADER_BYTES = 16 * KIB;
export const MAX_URL_BYTES = 8 * KIB;
/** Ten times what browsers and a few proxies send. What is not counted is not read: Node passes over those beyond a thousand. */
export const MAX_HEADERS = 256;
export const MAX_RANGE_HEADER_CHARS = 256;
/** Nobody's clock or person is this slow: headers must be complete by then. */
export const HEADERS_TIMEOUT_MS = 15_000;
export const JSON_BODY_TIMEOUT_MS = 30_000;
/** A PUT without a byte for this long is cut; its committed chunks stay. */
export const UPLOAD_IDLE_TIMEOUT_MS = 30_000;
/** A reader that waits for a chunk, or does not read, comes back by Range after this. */
export const READER_IDLE_TIMEOUT_MS = 300_000;
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Sockets, not users: one process holds 57,000 idle ones per GiB. */
export const MAX_CONNECTIONS = 20_000;
/** Of one address, but at most half of what the process may have. A lecture hall of 500 has some 3,500. */
export const MAX_CONNECTIONS_PER_ADDRESS = 5_000;

/** Buffers of one download stream: one being read and verified, one being sent, one ready. */
export const READ_AHEAD_BUFFERS = 3;
/** Of larger chunks fewer are read ahead, at least one. */
export const READ_AHEAD_BYTES = 6 * MIB;
/** Verified chunks that nobody sends right now, kept for those who read the same file a little behind others, or on in small ranges. */
export const SHARED_CHUNK_BYTES = 16 * MIB;
/** How long one of which a range took a part is kept for the next range. */
export const SHARED_CHUNK_KEPT_MS = 10_000;
/** So much that is read and verified for a range and not sent costs one look: a byte of a chunk has all of it read. */
export const WASTE_A_LOOK_BYTES = MIB;
/** Buffers of all downloads together. Beyond half of it nobody reads ahead, at it streams wait. */
export const MAX_READER_BYTES = 512 * MIB;
/** While streams wait for buffers, a client that has taken nothing for this long is cut. */
export const READER_SPARED_MS = 30_000;
/** Unfinished requests on one connection. Nobody who waits for answers has two. */
export const MAX_REQUESTS_ON_A_CONNECTION = 8;
/** JSON answers that their clients have not taken, all together, and the length below which one is not counted. */
export const MAX_UNTAKEN_ANSWER_BYTES = 128 * MIB;
export const MAX_UNCOUNTED_ANSWER_BYTES = 64 * KIB;
/** Streams that wait for a slot before the next one gets 503. */
export const MAX_QUEUED_STREAMS = 1_000;
/** How long each of them waits. A browser's fetch waits longer than this; a person would not. */
export const MAX_STREAM_WAIT_MS = 30_000;
/**
 * A transfer slower than this, over so long, holds no slot: it goes on, but a byte now and then would keep everybody else out.
 * A chunk of the usual size in each window is enough.
 */
export const SLOW_BELOW_BYTES_PER_S = 256 * KIB;
export const SLOW_OVER_MS = 4_000;

export const LEASE_IDLE_MS = 10 * 60_000;
/** A Range continuation without a token must begin at most this far below what its lease was served. */
export const LEASE_RESUME_BACKTRACK_BYTES = 8 * MIB;
/** Under one lease each file may be served at most this many times its size. */
export const LEASE_MAX_OVERREAD = 2;
/** Streams of one lease at once: no client opens so many, and each is written down with the others. */
export const MAX_STREAMS_PER_LEASE = 64;
/** Leases that a node goes by while the database is away: some 300 bytes each. */
export const MAX_REMEMBERED_LEASES = 10_000;
export const GRANT_TTL_MS = 24 * 3600_000;
/** An address ends up in histories and other people's logs, so a right that rides in one is short: to start a download. */
export const ADDRESS_GRANT_TTL_MS = 5 * 60_000;
export const TICKET_TTL_MS = 60_000;

/** What chunks leave free of the disk (at most an eighth of it): the database beside them must be able to write. */
export const RESERVED_DISK_BYTES = 64 * MIB;
export const ENDED_ROW_KEPT_MS = 30 * 24 * 3600_000;
export const ORPHAN_BYTES_KEPT_MS = 7 * 24 * 3600_000;
export const MAX_SESSION_TRANSFERS_LISTED = 200;
export const MAX_WATCHED_TRANSFERS_PER_SOCKET = 64;

/** A listing of 10,000 files with long names fits. Redis cuts a subscriber that is 32 MiB behind. */
export const MAX_BUS_PACKET_BYTES = 16 * MIB;
/** By the database's time, which all nodes go by: a captured packet is worthless afterwards. */
export const BUS_PACKET_MAX_AGE_MS = 30_000;
/** Runs of nodes whose packets are remembered at once: 4 KiB each. */
export const MAX_BUS_SENDERS = 1_000;
/** Calls of one action that read or write many rows, at once on a node, and how many more may wait. */
export const HEAVY_CALLS_AT_ONCE = 32;
export const MAX_QUEUED_HEAVY_CALLS = 1_000;
/** One password is hashed at a time; the others of these read its share meanwhile. */
export const PASSWORDS_AT_ONCE = 4;
export const MAX_QUEUED_PASSWORDS = 64;

/**
 * Guesses of passwords from one address, a minute. A person mistypes; a dictionary does not wait. A download in
 * several parallel ranges sends the password with each one, so it cannot be much lower.
 */
export const PASSWORDS_PER_MINUTE = 20;
/**
 * Passwords of all shares together that one address has checked, right or wrong, a minute. One is 40 ms of work and they
 * take turns: whoever guesses at many shares at once may have a tenth of them, not all.
 */
export const PASSWORD_CHECKS_PER_MINUTE = 120;
/** New sessions from one address a minute: a lecture hall behind one address may come at once, a script goes on. */
export const SESSIONS_PER_MINUTE = 600;
/**
 * Codes made, and codes entered that lead to nobody, from one address a minute. A class that meets in one room counts
 * once, for the first one there; who guesses one of 30 to the power of six codes counts each time.
 */
export const ROOMS_PER_MINUTE = 20;
/** Answers, inboxes and receipts of one session a minute: a page tells a few times a second what it has written. */
export const PEOPLE_REQUESTS_PER_MINUTE = 1_200;
/** Texts sent from one address a minute: people type them. */
export const TEXTS_PER_MINUTE = 60;
/** Wrong operator tokens from one address: an operator pastes the token and never guesses. */
export const SIGN_INS_PER_MINUTE = 5;
/**
 * Looks at what a transfer holds, from one address a minute: a page looks once or twice, and a lecture hall may open the
 * same link together.
 */
export const LOOKS_PER_MINUTE = 6_000;
/** So many files in a listing cost one look more: 10,000 of them are 60 ms of work. */
export const FILES_A_LOOK = 100;

/** Nodes that share one data directory or volume, each in a slot of its own; an end for the search of a free one. */
export const MAX_SLOTS = 256;

/** Nodes that are remembered and shown: far above any cluster that shares one PostgreSQL. */
export const MAX_NODES = 256;

/** What a page can draw and a phone can hold. */
export const MAX_PEOPLE_PER_ROOM = 200;
/** Connections of one node that are in a room. All nodes read what each says of them: about 100 bytes each. */
export const MAX_PEOPLE_PER_NODE = 5_000;
/** Connections of one session that are in rooms of a node: pages of one browser. */
export const MAX_SEATS_PER_SESSION = 20;
/** Of one address: a tenth of the node's. */
export const MAX_SEATS_PER_ADDRESS = 500;
/** People from one address in the room of a private network, where an address is a machine: a quarter of the room. */
export const MAX_STRANGERS_PER_ADDRESS = 50;
/** Recipients of one direct send or text. */
export const MAX_RECIPIENTS = 20;
/** Offers and texts that wait for one person, or that one person sent and nobody answered. The next one is refused. */
export const MAX_INBOX_ITEMS = 100;
/** Text sent to a person: some pages of it; more is a file. */
export const MAX_TEXT_BYTES = 32 * KIB;
/** Texts in one inbox, all told: what a socket is told at once when anything in it changes. */
export const MAX_INBOX_TEXT_BYTES = MIB;
/** Whole inboxes, with their texts, that one statement reads; the others it was asked for are read next. */
export const MAX_INBOXES_AT_ONCE = 16;
/** An offer nobody answers within this time is over. */
export const OFFER_TTL_MS = 60 * 60_000;
/** A text that its recipient neither dismissed nor came to see. */
export const TEXT_TTL_MS = 24 * 3600_000;
/** What is over stays in an inbox this long, so that who looked away learns how it ended. */
export const INBOX_ITEM_KEPT_MS = 10 * 60_000;
/** Who has everything by its socket's word may come back within this for what was lost on the way. */
export const RECEIVED_GRACE_MS = 30_000;
/** Gaps in what a recipient has of a file: parallel downloads make some dozens. More are counted once they close. */
export const MAX_RECEIPT_RANGES = 1_000;
/**
 * What is with the socket of a recipient at once, whatever a chunk's size: so far the sender may see less than has left. Counted
 * when all of it was taken, so that on a slow line it moves every few seconds.
 */
export const RECIPIENT_WINDOW_BYTES = 256 * KIB;

/**
 * Whose machine vanishes without a word is seen for 25 s at most. 2,000 idle connections cost 3 % of a core more than with
 * Socket.IO's own 25 s and 20 s; a pong may be late on a line that is full of uploads, so that is not cut further.
 */
export const SOCKET_PING_EVERY_MS = 10_000;
export const SOCKET_PONG_WITHIN_MS = 15_000;

/** What waits for a connection that does not read: less is a slow line's, which has half a minute; far more has none. */
export const MAX_SOCKET_BACKLOG_BYTES = MIB;
export const MAX_SOCKET_BACKLOG_AT_ONCE_BYTES = 16 * MIB;
/** The same for all connections of a node together, answers to what they asked included. */
export const MAX_SOCKET_BACKLOGS_BYTES = 128 * MIB;

/** What an operator's page shows of each, and a person can read. */
export const MAX_OPERATOR_TRANSFERS = 200;
/** Signs of a transfer's strip in what an operator is told. */
export const OPERATOR_STRIP_CELLS = 64;
export const MAX_OPERATOR_EVENTS = 200;
/** Read once a second by each node that an operator asks. With one more, sign-ins as old as the oldest of them end too. */
export const MAX_OPERATOR_SIGN_OUTS = 200;
