/** Every command of Redis 6.0, as its `COMMAND` lists them: what PeerLink may use and no more. */
const REDIS_6_0_COMMANDS: ReadonlySet<string> = new Set(
  `acl append asking auth bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blpop brpop brpoplpush bzpopmax
  bzpopmin client cluster command config dbsize debug decr decrby del discard dump echo eval evalsha exec exists expire
  expireat flushall flushdb geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro
  get getbit getrange getset hdel hello hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hscan hset
  hsetnx hstrlen hvals incr incrby incrbyfloat info keys lastsave latency lindex linsert llen lolwut lpop lpos lpush
  lpushx lrange lrem lset ltrim memory mget migrate module monitor move mset msetnx multi object persist pexpire pexpireat
  pfadd pfcount pfdebug pfmerge pfselftest ping post psetex psubscribe psync pttl publish pubsub punsubscribe randomkey
  readonly readwrite rename renamenx replconf restore restore-asking role rpop rpoplpush rpush rpushx sadd save scan scard
  script sdiff sdiffstore select set setbit setex setnx setrange shutdown sinter sinterstore sismember slaveof replicaof
  slowlog smembers smove sort spop srandmember srem sscan stralgo strlen subscribe substr sunion sunionstore swapdb sync
  time touch ttl type unlink unsubscribe unwatch wait watch xack xadd xclaim xdel xgroup xinfo xlen xpending xrange xread
  xreadgroup xrevrange xsetid xtrim zadd zcard zcount zincrby zinterstore zlexcount zpopmax zpopmin zrange zrangebylex
  zrangebyscore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore
  zrevrank zscan zscore zunionstore`.split(/\s+/),
);

/** Words behind a command of 6.0 that came later, by command. */
const LATER_WORDS: Readonly<Record<string, readonly string[]>> = {
  client: ['setinfo', 'no-evict', 'no-touch', 'info', 'trackinginfo', 'unpause'],
  set: ['get', 'exat', 'pxat'],
  expire: ['nx', 'xx', 'gt', 'lt'],
  pexpire: ['nx', 'xx', 'gt', 'lt'],
  zadd: ['gt', 'lt'],
};

/** What of these commands, each with its arguments, Redis 6.0 does not know. */
export function laterThanRedis6(commands: readonly (readonly string[])[]): string[] {
  const later = new Set<string>();
  for (const [first = '', ...args] of commands) {
    const name = first.toLowerCase();
    if (!REDIS_6_0_COMMANDS.has(name)) later.add(name);
    // Options stand behind key and value; the first word of CLIENT is its subcommand.
    const options = (name === 'client' ? args.slice(0, 1) : args.slice(2)).map((word) => word.toLowerCase());
    for (const word of LATER_WORDS[name] ?? []) if (options.includes(word)) later.add(`${name} ${word}`);
  }
  return [...later].sort();
}
