-- All fields of the hash KEYS[1], behind this store's time in milliseconds since 1970. A hash with more fields
-- than ARGV[1] is refused: it is no hash of ticket keys.
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('ERR there are too many fields in ' .. KEYS[1])
end
local time = redis.call('TIME')
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, time[1] * 1000 + math.floor(time[2] / 1000))
return answer
