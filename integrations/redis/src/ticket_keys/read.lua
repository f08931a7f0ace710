-- All fields of the hash KEYS[1], behind this store's time in milliseconds since 1970. A hash with more fields
-- than ARGV[1] is refused: servers write no such hash. It may be another application's, so it is not removed here.
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('ERR there are too many fields in ' .. KEYS[1] ..
    ': remove this key, and the servers write the ticket keys again that they know')
end
local time = redis.call('TIME')
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, time[1] * 1000 + math.floor(time[2] / 1000))
return answer
