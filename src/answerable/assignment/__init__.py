"""Who works on what: chooses an agent for each ticket, and knows how much everybody has to do.

It owns availability, capacity and skills of agents, and the counters of their open tickets. It never changes a ticket:
it asks the tickets feature to, and believes only what that feature answers.
"""
