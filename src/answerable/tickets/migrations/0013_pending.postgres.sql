-- New words wait in a list and go into the index together. Of its usual 4 MB, somebody's ticket waited for a twentieth
-- of a second, once in 4,000; and each search reads all of the list. A short one costs no more per ticket.
ALTER INDEX tickets_ticket_words_found SET (gin_pending_list_limit = 64);
ALTER INDEX tickets_comment_words_found SET (gin_pending_list_limit = 64);
