-- Changes the hash KEYS[1], unless another server has changed it since it was read: returns 1 then, and 0 where
-- another one has. ARGV: the generation that was read, for how many milliseconds the store keeps the hash,
-- the number of fields to remove and their names, and the fields to set, each with its value behind it.
local generation = redis.call('HGET', KEYS[1], 'generation') or '0'
if generation ~= ARGV[1] then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'generation', 1)
local first_set = 4 + tonumber(ARGV[3])
for place = 4, first_set - 1 do
  redis.call('HDEL', KEYS[1], ARGV[place])
end
for place = first_set, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
