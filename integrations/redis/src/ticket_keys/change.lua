-- Changes the hash KEYS[1], unless another server has changed it since it was read: returns 1 then, and 0 where
-- another one has. ARGV: the generation that was read, or nothing; the next one; for how many milliseconds the store
-- keeps the hash; the number of fields to remove and their names; and the fields to set, each with its value behind it.
local generation = redis.call('HGET', KEYS[1], 'generation') or ''
if generation ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'generation', ARGV[2])
local first_set = 5 + tonumber(ARGV[4])
for place = 5, first_set - 1 do
  redis.call('HDEL', KEYS[1], ARGV[place])
end
for place = first_set, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
