"""SLA: the promises on each ticket, kept on time, explained by their history, and handed to a manager when broken.

It owns clocks, their metric events and the escalations. It will never change a ticket, choose an agent or tell anybody
anything: it says what became of a promise, and others act.
"""
