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
-- Returns a verdict, and the epoch that begins or goes on:
--
-- epoch          it was asked for the epoch only
-- other_epoch    the ticket is of another epoch, so nothing is known of its ClientHellos
-- not_fresh      the epoch's time is not between ARGV[4] and ARGV[5]
-- full           there are as many records as ARGV[6] says
-- seen           the ClientHello is recorded already
-- new            it is recorded now
--
-- All is in one sorted set, so that nothing of it is lost alone:
--
-- score          member
-- +inf           the name of the epoch (40 characters), and of its owner
-- -(seconds)     'time': the highest second of the epoch. It is negative so that it is not among the records
-- seconds        a ClientHello, with the last second at which it is fresh

local EPOCH_LENGTH = 40
local LONGEST_STEP_SECONDS = 60
local REMOVED_AT_ONCE = 32

local key = KEYS[1]

-- The owner: this process, and the history of its data since it became a primary. Another process, and the same one
-- after it was a replica, may have lost records.
local server_info = redis.call('INFO', 'server')
local replication = redis.call('INFO', 'replication')
local process = string.match(server_info, 'run_id:(%x+)')
local history = string.match(replication, 'master_replid:(%x+)')
local role = string.match(replication, 'role:(%a+)')
if not process or not history or role ~= 'master' then
  return redis.error_reply('HANDCLASP this is no primary, or its INFO has no run_id or master_replid')
end
local owner = process .. history

local store_time = redis.call('TIME')
local store_seconds = tonumber(store_time[1])
local epochs = redis.call('ZRANGEBYSCORE', key, '+inf', '+inf')
local stored_score = redis.call('ZSCORE', key, 'time')
-- The time of the epoch, which never goes back.
local epoch_seconds = stored_score and -tonumber(stored_score)

local epoch
local is_owner = #epochs == 1 and string.sub(epochs[1], EPOCH_LENGTH + 1) == owner
if is_owner and epoch_seconds and math.abs(store_seconds - epoch_seconds) <= LONGEST_STEP_SECONDS then
  epoch = string.sub(epochs[1], 1, EPOCH_LENGTH)
  -- A clock that is set back a little stands still.
  if store_seconds > epoch_seconds then
    epoch_seconds = store_seconds
    redis.call('ZADD', key, -epoch_seconds, 'time')
  end
else
  -- A request may arrive twice, at two processes, so the random bytes alone would be no name.
  epoch = redis.sha1hex(ARGV[1] .. owner .. store_time[1] .. '.' .. store_time[2])
  epoch_seconds = store_seconds
  redis.call('UNLINK', key)
  redis.call('ZADD', key, '+inf', epoch .. owner, -epoch_seconds, 'time')
end

if ARGV[2] == '' then
  return {'epoch', epoch}
end
if ARGV[2] ~= epoch then
  return {'other_epoch', epoch}
end
if epoch_seconds < tonumber(ARGV[4]) or epoch_seconds > tonumber(ARGV[5]) then
  return {'not_fresh', epoch}
end

-- A call adds one record, so it is enough to remove a few.
local stale = redis.call('ZRANGEBYSCORE', key, 0, '(' .. epoch_seconds, 'LIMIT', 0, REMOVED_AT_ONCE)
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
