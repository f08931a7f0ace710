-- Checks and records a ClientHello in one step, or only says the epoch. `strike_register.md` says why it is safe.
--
-- KEYS[1]  the sorted set of the shard
-- ARGV[1]  random bytes for the name of the next epoch
-- ARGV[2]  the epoch that the ticket is of; empty to ask for the epoch only
-- ARGV[3]  what identifies the ClientHello: 32 bytes
-- ARGV[4]  the first second at which it is fresh
-- ARGV[5]  the last second at which it is fresh
-- ARGV[6]  how many records the shard may have
--
-- Returns what it has decided, and the epoch.
--
-- All is in one sorted set, so that nothing of it is lost alone:
--
-- score          member
-- +inf           the name of the epoch (40 characters), and of its owner
-- -(seconds)     'time': the highest time of the epoch. It is negative so that it is not among the records
-- seconds        a ClientHello, with the last second at which it is fresh

local EPOCH_LENGTH = 40
local LONGEST_STEP = 60
local REMOVED_AT_ONCE = 32

local key = KEYS[1]

-- The owner: this process, since it became a primary. Another process, and the same one after it was a replica, may
-- have lost records.
local server = redis.call('INFO', 'server')
local replication = redis.call('INFO', 'replication')
local process = string.match(server, 'run_id:(%x+)')
local history = string.match(replication, 'master_replid:(%x+)')
local role = string.match(replication, 'role:(%a+)')
if not process or not history or role ~= 'master' then
  return redis.error_reply('HANDCLASP this is no primary, or its INFO has no run_id or master_replid')
end
local owner = process .. history

local clock = redis.call('TIME')
local seconds = tonumber(clock[1])
local epochs = redis.call('ZRANGEBYSCORE', key, '+inf', '+inf')
local time = redis.call('ZSCORE', key, 'time')
local now = time and -tonumber(time)

local epoch
local is_owner = #epochs == 1 and string.sub(epochs[1], EPOCH_LENGTH + 1) == owner
if is_owner and now and math.abs(seconds - now) <= LONGEST_STEP then
  epoch = string.sub(epochs[1], 1, EPOCH_LENGTH)
  -- A clock that is set back a little stands still.
  if seconds > now then
    now = seconds
    redis.call('ZADD', key, -now, 'time')
  end
else
  -- A request may arrive twice, at two processes, so the random bytes alone would be no name.
  epoch = redis.sha1hex(ARGV[1] .. owner .. clock[1] .. '.' .. clock[2])
  now = seconds
  redis.call('UNLINK', key)
  redis.call('ZADD', key, '+inf', epoch .. owner, -now, 'time')
end

if ARGV[2] == '' then
  return {'epoch', epoch}
end
if ARGV[2] ~= epoch then
  return {'other_epoch', epoch}
end
if now < tonumber(ARGV[4]) or now > tonumber(ARGV[5]) then
  return {'not_fresh', epoch}
end

-- A call adds one record, so it is enough to remove a few.
local stale = redis.call('ZRANGEBYSCORE', key, 0, '(' .. now, 'LIMIT', 0, REMOVED_AT_ONCE)
if #stale > 0 then
  redis.call('ZREM', key, unpack(stale))
end
local records = redis.call('ZCARD', key) - 2
if records >= tonumber(ARGV[6]) then
  return {'full', epoch}
end
if redis.call('ZADD', key, 'NX', ARGV[5], ARGV[3]) == 0 then
  return {'seen', epoch}
end
return {'new', epoch}
