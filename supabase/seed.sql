-- Two example workspaces, for the users demo@nexscout.test (pro) and other@nexscout.test (free), who must have signed up.
-- Harmless when run again: what is there stays as it is.

insert into public.profiles (id, email, full_name, company, profession, subscription_tier, unique_user_id, onboarding_completed)
select u.id, u.email, v.full_name, v.company, v.profession, v.tier, v.unique_user_id, true
from (values
  ('demo@nexscout.test', 'Liza Manalo', 'Sigla Wellness', 'Network marketer', 'pro', 'demo-liza'),
  ('other@nexscout.test', 'Ramon Villanueva', 'Tahanan Realty', 'Real estate broker', 'free', 'other-ramon')
) as v (email, full_name, company, profession, tier, unique_user_id)
join auth.users u on u.email = v.email
on conflict (id) do nothing;

insert into public.user_energy (user_id, current_energy, max_energy, tier)
select p.id, t.daily_energy, t.daily_energy, t.tier
from public.profiles p
join public.ai_tiers t on t.tier = p.subscription_tier
where p.email in ('demo@nexscout.test', 'other@nexscout.test')
on conflict (user_id) do nothing;

insert into public.workspace_configs (workspace_id, company, tone_profile, ai_behavior)
select u.id, v.company::jsonb, v.tone_profile::jsonb, v.ai_behavior::jsonb
from (values
  ('demo@nexscout.test',
   '{"name": "Sigla Wellness", "industry": "mlm", "mission": "Mas malusog at mas malayang buhay para sa bawat pamilya"}',
   '{"tone": "warm", "language": "taglish", "emoji": false}',
   '{"language": "taglish", "replyDepth": "medium"}'),
  ('other@nexscout.test',
   '{"name": "Tahanan Realty", "industry": "real_estate", "mission": "Bahay na kaya ng karaniwang pamilya"}',
   '{"tone": "professional", "language": "english", "emoji": false}',
   '{"language": "english", "replyDepth": "short"}')
) as v (email, company, tone_profile, ai_behavior)
join auth.users u on u.email = v.email
on conflict (workspace_id) do nothing;

insert into public.company_profiles
  (user_id, company_name, industry, location, company_description, tagline, value_proposition, target_audience, mission, faqs)
select u.id, v.name, v.industry, v.location, v.description, v.tagline, v.value_proposition, v.target_audience, v.mission, v.faqs::jsonb
from (values
  ('demo@nexscout.test', 'Sigla Wellness', 'mlm', 'Quezon City',
   'Daily wellness drinks made from local barley and malunggay, sold by independent partners.',
   'Sigla araw-araw', 'A 30-day starter pack with a money-back promise, and a side income that starts with family and friends.',
   'Working parents and OFW families in Metro Manila', 'Mas malusog at mas malayang buhay para sa bawat pamilya',
   '[{"question": "FDA registered ba?", "answer": "Opo, lahat ng produkto ay may FDA registration."}]'),
  ('other@nexscout.test', 'Tahanan Realty', 'real_estate', 'Cavite',
   'House-and-lot packages in Cavite and Laguna with Pag-IBIG and in-house financing.',
   'Bahay na kaya mo', 'Reservation from 10,000 pesos and help with every financing paper.',
   'First-time home buyers and OFWs', 'Bahay na kaya ng karaniwang pamilya',
   '[{"question": "Puwede ba ang Pag-IBIG?", "answer": "Yes, all our units can be financed through Pag-IBIG."}]')
) as v (email, name, industry, location, description, tagline, value_proposition, target_audience, mission, faqs)
join auth.users u on u.email = v.email
on conflict (user_id) do nothing;

insert into public.products
  (id, user_id, company_id, name, main_category, short_description, primary_promise, key_benefits, ideal_prospect_tags, base_price,
   price_min, price_max, is_complete)
select v.id::uuid, u.id, c.id, v.name, v.category, v.description, v.promise, v.benefits::text[], v.tags::text[], v.price, v.price, v.price, true
from (values
  ('d0000000-0000-4000-8000-0000000000a1', 'demo@nexscout.test', 'Sigla Barley 30', 'wellness',
   'Barley and malunggay drink, 30 sachets', 'More energy within 30 days or your money back',
   '{"Mas mahimbing na tulog","Less afternoon fatigue","FDA registered"}', '{"pagod","health","nanay"}', 1450),
  ('d0000000-0000-4000-8000-0000000000a2', 'demo@nexscout.test', 'Sigla Partner Pack', 'business',
   'Ten boxes, a website and two training evenings', 'Your first sale within two weeks, with a mentor beside you',
   '{"25% retail margin","Mentor sa unang 30 araw","Walang monthly quota"}', '{"extra income","negosyo","wfh"}', 9800),
  ('d0000000-0000-4000-8000-0000000000b1', 'other@nexscout.test', 'Tahanan Mabini Townhouse', 'house_and_lot',
   'Two-storey townhouse in Dasmariñas, 46 square metres', 'Move in within six months of approval',
   '{"Pag-IBIG ready","Near schools","Flood-free"}', '{"first home","ofw"}', 1950000)
) as v (id, email, name, category, description, promise, benefits, tags, price)
join auth.users u on u.email = v.email
left join public.company_profiles c on c.user_id = u.id
on conflict (id) do nothing;

insert into public.prospects
  (id, user_id, full_name, email, phone, company, position, source, pipeline_stage, lead_temperature, buying_intent_score, metadata)
select v.id::uuid, u.id, v.full_name, v.email, v.phone, v.company, v.position, v.source, v.stage, v.temperature, v.intent, v.metadata::jsonb
from (values
  ('d0000000-0000-4000-8000-000000000001', 'demo@nexscout.test', 'Maria Santos', 'maria.santos@example.com', '+639171234567',
   'Santos Sari-sari', 'Owner', 'facebook', 'engage', 'hot', 82,
   '{"scout_score": 82, "bucket": "hot", "notes": "Nag-comment sa post: “kailangan ko talaga ng extra income, ang mahal na ng gastos sa bahay”. May dalawang anak, gusto ng wfh na negosyo.", "pain_points": ["gastos sa bahay"], "interests": ["online negosyo"]}'),
  ('d0000000-0000-4000-8000-000000000002', 'demo@nexscout.test', 'Jun dela Cruz', 'jun.delacruz@example.com', '+639181234567',
   'Grab', 'Driver', 'facebook', 'discover', 'warm', 61,
   '{"scout_score": 61, "bucket": "warm", "notes": "Laging pagod sa biyahe, sabi niya “sana may ibang paraan kumita”. Curious pero takot sa networking.", "pain_points": ["pagod", "takot sa networking"], "interests": ["kita", "pamilya"]}'),
  ('d0000000-0000-4000-8000-000000000003', 'demo@nexscout.test', 'Aileen Bautista', 'aileen.b@example.com', null,
   'BPO Makati', 'Team lead', 'linkedin', 'discover', 'cold', 34,
   '{"scout_score": 34, "bucket": "cold", "notes": "Busy sa graveyard shift; nag-like lang sa post tungkol sa health drink.", "pain_points": ["graveyard shift"], "interests": ["health"]}'),
  ('d0000000-0000-4000-8000-000000000011', 'other@nexscout.test', 'Carlo Reyes', 'carlo.reyes@example.com', '+639191234567',
   'Seafarer', 'Chief mate', 'referral', 'engage', 'hot', 77,
   '{"scout_score": 77, "bucket": "hot", "notes": "Uuwi sa Pebrero, naghahanap ng bahay sa Cavite para sa nanay niya. Budget 2M, tanong niya kung puwede Pag-IBIG.", "pain_points": ["umuupa pa"], "interests": ["house and lot"]}'),
  ('d0000000-0000-4000-8000-000000000012', 'other@nexscout.test', 'Grace Lim', 'grace.lim@example.com', null,
   'Teacher', 'Grade 4 adviser', 'facebook', 'discover', 'warm', 55,
   '{"scout_score": 55, "bucket": "warm", "notes": "Gusto ng sariling bahay pero hirap sa downpayment, sabi niya next year pa siguro.", "pain_points": ["downpayment"], "interests": ["first home"]}')
) as v (id, owner, full_name, email, phone, company, position, source, stage, temperature, intent, metadata)
join auth.users u on u.email = v.owner
on conflict (id) do nothing;

insert into public.chatbot_settings
  (user_id, display_name, greeting_message, tone, reply_depth, away_message, custom_system_instructions, use_custom_instructions, fixed_chatbot_id)
select u.id, v.name, v.greeting, v.tone, 'medium', v.away, v.instructions, v.instructions is not null, v.slug
from (values
  ('demo@nexscout.test', 'Siggy', 'Hi po! Ako si Siggy ng Sigla Wellness. Paano kita matutulungan?', 'taglish',
   'Wala kami ngayon, pero babalikan ka namin bukas ng umaga.', null, 'demo'),
  ('other@nexscout.test', 'Tala', 'Hello! I am Tala of Tahanan Realty. Looking for a home?', 'professional',
   'Our office is closed; a broker will answer you tomorrow.', 'Always offer a free site visit on Saturdays.', 'other')
) as v (email, name, greeting, tone, away, instructions, slug)
join auth.users u on u.email = v.email
on conflict (user_id) do nothing;

insert into public.chatbot_links (user_id, chatbot_id)
select s.user_id, s.fixed_chatbot_id
from public.chatbot_settings s
join auth.users u on u.id = s.user_id
where u.email in ('demo@nexscout.test', 'other@nexscout.test')
on conflict (chatbot_id) do nothing;

insert into public.public_chatbot_training_data (id, user_id, category, question, answer, tags, priority)
select v.id::uuid, u.id, v.category, v.question, v.answer, v.tags::text[], v.priority
from (values
  ('d0000000-0000-4000-8000-0000000000c1', 'demo@nexscout.test', 'pricing', 'Magkano ang Sigla Barley?',
   'Ang Sigla Barley 30 ay 1,450 pesos, good for 30 days.', '{"price","magkano"}', 10),
  ('d0000000-0000-4000-8000-0000000000c2', 'demo@nexscout.test', 'faq', 'Networking ba ito?',
   'May partner program kami, pero puwede ka ring bumili lang ng produkto nang walang pag-sign up.', '{"networking"}', 5),
  ('d0000000-0000-4000-8000-0000000000c3', 'other@nexscout.test', 'pricing', 'How much is the reservation?',
   'A reservation starts at 10,000 pesos and is deducted from the down payment.', '{"reservation","price"}', 10)
) as v (id, email, category, question, answer, tags, priority)
join auth.users u on u.email = v.email
on conflict (id) do nothing;
